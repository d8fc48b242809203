"""The results of operators' orders, and the history of the site's status that keeps them."""

from typing import ClassVar

from shared.domain.history import StatusLine
from shared.domain.ids import NodeId
from shared.events.message import Event, Message, Request
from shared.events.subject import Subject


class OperationEnded(Event):
    """*author*'s order is done, or, when it *failed*, could not be done for *cause* (*code*)."""

    subject: ClassVar = Subject(
        "meridian.event.operation.ended", speakers=frozenset({"gateway"}), stored=True
    )

    operation: str
    author: str
    nodes: tuple[NodeId, ...] = ()
    failed: bool = False
    code: str = ""
    cause: str = ""


class StatusHistoryRead(Message):
    """Lines, newest first; *next* is where older ones are, None after the last."""

    lines: tuple[StatusLine, ...]
    next: tuple[int, str] | None = None


class ReadStatusHistory(Request[StatusHistoryRead]):
    """List what happened to the site, as any master has kept it; at most *limit* lines.

    From before the place *before*, not older than *since_unix_ms*, and only what concerns *node*
    where one is given.
    """

    subject: ClassVar = Subject(
        "meridian.replication.history",
        speakers=frozenset({"gateway"}),
        answered_by=frozenset({"replication"}),
    )

    before: tuple[int, str] | None = None
    since_unix_ms: int = 0
    node: NodeId | None = None
    limit: int = 50
