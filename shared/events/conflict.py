"""Messages on conflicts, the changes that one master had alone: kept, shown and resolved."""

from typing import ClassVar

from shared.domain.conflict import ConflictChange, ConflictLine, Resolution
from shared.domain.ids import LogGeneration, NodeId, Revision
from shared.events.message import Done, Event, Message, Request
from shared.events.subject import Subject


class ConflictsRead(Message):
    """Every conflict that a master keeps, the newest first."""

    conflicts: tuple[ConflictLine, ...]


class ReadConflicts(Request[ConflictsRead]):
    """List the conflicts that *node* keeps."""

    subject: ClassVar = Subject(
        "meridian.replication.{node}.conflicts",
        speakers=frozenset({"gateway"}),
        answered_by=frozenset({"replication"}),
    )

    node: NodeId


class ConflictRead(Message):
    """A part of a conflict's changes; *next* is where the following one begins, None at the end."""

    line: ConflictLine
    changes: tuple[ConflictChange, ...]
    next: int | None = None


class ReadConflict(Request[ConflictRead]):
    """Read the changes of the conflict *id* that *node* keeps, from change number *begin* on."""

    subject: ClassVar = Subject(
        "meridian.replication.{node}.conflict",
        speakers=frozenset({"gateway"}),
        answered_by=frozenset({"replication"}),
    )

    node: NodeId
    id: str
    begin: int = 0


class ConflictEntries(Message):
    """A part of the log's messages that a conflict is made of, as a bundle.

    *next* is where the following part begins, None at the end.
    """

    bundle: str
    next: int | None = None


class ReadConflictEntries(Request[ConflictEntries]):
    """Read the entries of conflict *id* that *node* keeps, from number *begin* on: for a backup."""

    subject: ClassVar = Subject(
        "meridian.replication.{node}.conflict_entries",
        speakers=frozenset({"gateway"}),
        answered_by=frozenset({"replication"}),
    )

    node: NodeId
    id: str
    begin: int = 0


class KeepConflict(Request[Done]):
    """Archive a part of a conflict's entries, from a backup, on *node*; the parts come in order.

    The conflict is open once its last entry is there. The fields other than *bundle* are those that
    the conflict had when the backup was made.
    """

    subject: ClassVar = Subject(
        "meridian.replication.{node}.keep_conflict",
        speakers=frozenset({"gateway"}),
        answered_by=frozenset({"replication"}),
    )

    node: NodeId
    id: str
    at_unix_ms: int
    log_generation: LogGeneration
    revision: Revision
    ancestor: Revision
    count: int
    bundle: str


class ConflictResolved(Message):
    """The conflict as it is now."""

    line: ConflictLine


class ResolveConflict(Request[ConflictResolved]):
    """Write down that the conflict *id* that *node* keeps was resolved by *author*."""

    subject: ClassVar = Subject(
        "meridian.replication.{node}.resolve_conflict",
        speakers=frozenset({"gateway"}),
        answered_by=frozenset({"replication"}),
    )

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
