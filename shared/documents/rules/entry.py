"""Changes in the form of an entry of the cluster log, and how many fit into one entry."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from shared.documents.rules.changes import Proposed
from shared.domain.document import Ref
from shared.domain.errors import InvalidChange
from shared.domain.ids import Epoch, LogGeneration, RequestId, Revision, UnixMillis
from shared.domain.log import ENTRY_LIMIT_BYTES, Change, LogEntry, Op

HEAD_BYTES: Final = 2_048
"""Room in an entry for what is not a change."""

CHANGES_LIMIT_BYTES: Final = ENTRY_LIMIT_BYTES - HEAD_BYTES

NO_GENERATION: Final = LogGeneration(0)
NO_REVISION: Final = Revision(0)
NO_EPOCH: Final = Epoch(0)
NEVER: Final = UnixMillis(0)


@dataclass(frozen=True, slots=True)
class ChangeRequest:
    """A request for changes: its author, its id, and the digest of its content."""

    author: str
    request_id: RequestId
    digest: str


def entry_changes(
    changes: Sequence[Proposed], outcome: Mapping[Ref, Any], request: ChangeRequest
) -> list[Change]:
    """Return *changes*, whose *outcome* `apply_changes` gave, as an entry holds them."""
    return [
        Change(
            kind=change.kind,
            id=change.id,
            op=Op.PUT if change.op == "put" else Op.DELETE,
            body=body,
            author=request.author,
            request_id=request.request_id,
            request_digest=request.digest,
        )
        for change, body in zip(changes, outcome.values(), strict=True)
    ]


def entry_bytes(changes: Sequence[Change]) -> int:
    """The bytes that *changes* take in an entry, as they will be written.

    Raises:
        InvalidChange: no entry holds so many.
    """
    entry = LogEntry(NO_GENERATION, NO_REVISION, NO_EPOCH, tuple(changes), NEVER, "")
    size = len(entry.encode())
    if size > CHANGES_LIMIT_BYTES:
        raise InvalidChange(
            f"the request is too large for one entry of the log ({size} of {ENTRY_LIMIT_BYTES} "
            "bytes); split it"
        )
    return size
