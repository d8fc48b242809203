"""What a master had alone when the site went on without it: kept, shown, and resolved by people."""

from typing import Any, ClassVar, Literal

from shared.domain.ids import LogGeneration, NodeId, Revision
from shared.events.message import Event, Message, Request
from shared.events.subject import Subject

Resolution = Literal["applied", "discarded"]


class ConflictLine(Message):
    """*node* alone had the entries after *ancestor* up to *revision*.

    They leave *count* documents another way; *resolution* is empty while nobody has decided.
    """

    id: str
    node: NodeId
    at_unix_ms: int
    log_generation: LogGeneration
    revision: Revision
    ancestor: Revision
    count: int
    resolution: str = ""
    resolved_by: str = ""


class ConflictsRead(Message):
    """Every conflict that a master keeps, the newest first."""

    conflicts: tuple[ConflictLine, ...]


class ReadConflicts(Request):
    """Which conflicts *node* keeps."""

    subject: ClassVar = Subject(
        "meridian.replication.{node}.conflicts",
        speakers=frozenset({"gateway"}),
        answered_by=frozenset({"replication"}),
    )
    reply: ClassVar = ConflictsRead

    node: NodeId


class ConflictChange(Message):
    """The last change of one document: its *body* as it was left, None when it was deleted."""

    kind: str
    id: str
    op: Literal["put", "delete"]
    body: dict[str, Any] | None
    author: str
    revision: Revision


class ConflictRead(Message):
    """A part of a conflict's changes; *next* is where the following one begins, None at the end."""

    line: ConflictLine
    changes: tuple[ConflictChange, ...]
    next: int | None = None


class ReadConflict(Request):
    """What the conflict *id* that *node* keeps is made of, from the change number *begin* on."""

    subject: ClassVar = Subject(
        "meridian.replication.{node}.conflict",
        speakers=frozenset({"gateway"}),
        answered_by=frozenset({"replication"}),
    )
    reply: ClassVar = ConflictRead

    node: NodeId
    id: str
    begin: int = 0


class ResolveConflict(Request):
    """Write down that the conflict *id* that *node* keeps was resolved by *author*."""

    subject: ClassVar = Subject(
        "meridian.replication.{node}.resolve_conflict",
        speakers=frozenset({"gateway"}),
        answered_by=frozenset({"replication"}),
    )
    reply: ClassVar = ConflictLine

    node: NodeId
    id: str
    resolution: Resolution
    author: str


class ConflictKept(Event):
    """*node* had changes alone, after *ancestor*; they are kept as *conflict* and not in the site.

    *count* documents were another way on it.
    """

    subject: ClassVar = Subject(
        "meridian.event.replication.conflict_kept", speakers=frozenset({"replication"}), stored=True
    )

    node: NodeId
    conflict: str
    ancestor: Revision
    revision: Revision
    count: int
