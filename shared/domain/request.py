"""A request for changes that is in the cluster log, as every copy remembers it for a while."""

from typing import NamedTuple

from shared.domain.ids import RequestId, Revision, UnixMillis


class AnsweredRequest(NamedTuple):
    """A request in the log: the digest of what it asked for, its revision, and when that was.

    A tuple, in the order of the columns and of a snapshot's record.
    """

    request_id: RequestId
    digest: str
    revision: Revision
    at: UnixMillis
