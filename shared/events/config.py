"""Messages of config: changes of the configuration, reads of it, and repairs of its log."""

from typing import Any, ClassVar, Literal

from pydantic import Field

from shared.domain.document import Document, Ref
from shared.domain.history import HistoryLine
from shared.domain.ids import Epoch, LogGeneration, NodeId, RequestId, Revision
from shared.domain.log import LogPlace, LogPosition, ReplicationMode
from shared.events.message import Event, Message, Request
from shared.events.subject import Subject


class ProposedChange(Message):
    """One document to put (with its *body*) or delete.

    *expected_revision* is the document's revision that the author saw: 0 says "there is none",
    None says "whatever is there".
    """

    kind: str
    id: str
    op: Literal["put", "delete"]
    body: dict[str, Any] | None = None
    expected_revision: Revision | None = None


class ChangesAccepted(Message):
    """The changes are in the log at *revision*, and on the nodes that *durable_on* names."""

    revision: Revision
    durable_on: tuple[str, ...]
    mode: ReplicationMode


class ProposeChanges(Request[ChangesAccepted]):
    """Put these changes into the log as one entry; the primary's config answers, nobody else does.

    No answer within the caller's time is "unknown": ask again with the same *request_id*.
    """

    subject: ClassVar = Subject(
        "meridian.config.propose",
        speakers=frozenset({"gateway"}),
        answered_by=frozenset({"config"}),
    )

    request_id: RequestId
    author: str
    changes: tuple[ProposedChange, ...] = Field(min_length=1)


class WritesPaused(Message):
    """Config writes nothing any more; its last entry is at *revision* with *hash*.

    Without *has_begun* it was not writing before either: its epoch had not begun, or its writer had
    failed. Then *revision* is only where its copy is, and an append that failed without an answer
    may have left a later entry in the log.
    """

    revision: Revision
    hash: str
    mode: ReplicationMode
    has_begun: bool = True


class PauseWrites(Request[WritesPaused]):
    """Stop writing until a later grant says otherwise; what waits stays.

    The answer comes when no entry is under way; *valid_until* is that of the grant which ends here.
    """

    subject: ClassVar = Subject(
        "meridian.config.{node}.pause_writes",
        speakers=frozenset({"failover_monitor"}),
        answered_by=frozenset({"config"}),
        sender_field="node",
    )

    node: NodeId
    epoch: Epoch
    boot_id: str
    valid_until: float


class DocumentsRead(Message):
    """The documents asked for, as of *position*; *next* is the last one's name when more follow.

    *since* says that these are only what changed after that revision, and *gone* what was deleted;
    None says that they are all.
    """

    position: LogPosition
    mode: ReplicationMode
    documents: tuple[Document, ...]
    next: Ref | None = None
    since: Revision | None = None
    gone: tuple[Ref, ...] = ()

    @property
    def revision(self) -> Revision:
        return self.position.revision


class ReadDocuments(Request[DocumentsRead]):
    """Read the documents of *kinds* (all when empty), or one by *id*, from any master.

    *at_least* waits until that revision is applied; *current* is answered by the primary alone.
    What does not fit into one message comes page by page: ask again with *after* = *next*, the kind
    and id of the last one. *limit* asks for shorter pages. A reader that knows them up to *since*
    gets what changed after that, unless it was too much, or is not in this master's history.
    """

    subject: ClassVar = Subject(
        "meridian.config.read",
        speakers=frozenset({"gateway", "node_selector", "relay", "replication", "webhooks"}),
        answered_by=frozenset({"config"}),
    )

    kinds: tuple[str, ...] = ()
    id: str | None = None
    at_least: Revision = Revision(0)
    current: bool = False
    after: Ref | None = None
    limit: int | None = Field(default=None, ge=1)
    since: LogPosition | None = None


class ReadCurrent(ReadDocuments):
    """Ask every master what `ReadDocuments` asks.

    A master answers only while it is primary; without *current* each one that can does.
    """

    subject: ClassVar = Subject(
        "meridian.config.current",
        speakers=frozenset({"gateway"}),
        answered_by=frozenset({"config"}),
    )

    current: bool = True


class HistoryRead(Message):
    """The changes asked for, newest first; *next* is where older ones begin, if there may be any.

    A master that was made from a snapshot has no entries from before it.
    """

    lines: tuple[HistoryLine, ...]
    next: LogPlace | None = None


class ReadHistory(Request[HistoryRead]):
    """List who changed what, newest first, from any master; never what was written.

    *before* is the log generation and revision to go on from; *kind* and *author* leave out the
    changes of others, *since_unix_ms* those that are older.
    """

    subject: ClassVar = Subject(
        "meridian.config.history",
        speakers=frozenset({"gateway"}),
        answered_by=frozenset({"config"}),
    )

    before: LogPlace | None = None
    limit: int = Field(default=50, ge=1, le=200)
    since_unix_ms: int = 0
    kind: str | None = None
    author: str | None = None


class ChainVerified(Message):
    """The result for one part of a chain: *entries* follow one another up to *end*.

    *skipped* messages of the log are no entries, and every follower skips them; *fault* is empty
    unless the chain is broken, and *is_whole* says that nothing follows *end*.
    """

    node: NodeId
    entries: int
    skipped: int
    fault: str = ""
    end: LogPosition | None = None
    is_whole: bool


class VerifyChain(Request[ChainVerified]):
    """Verify the log, or *node*'s own copy of it, from behind *after*: is it one signed chain."""

    subject: ClassVar = Subject(
        "meridian.config.{node}.verify",
        speakers=frozenset({"gateway"}),
        answered_by=frozenset({"config"}),
    )

    node: NodeId
    of: Literal["log", "database"]
    after: LogPosition | None = None


class ReplicaPosition(Message):
    """The position of *node*'s database, and the state of its follower.

    *digest* is of every document in it; *hashes* are what its history has at the revisions
    that were asked for, as far as it keeps them. The signature is the node's own, over
    `position_bytes`.
    """

    node: NodeId
    position: LogPosition
    digest: str
    follower: str = ""
    hashes: dict[Revision, str] = {}
    signature: str = ""

    def position_bytes(self) -> bytes:
        """Return the bytes that the node signs."""
        at = self.position
        place = (at.log_generation, at.revision, at.sequence, at.epoch, at.hash)
        hashes = (f"{revision} {hash_}" for revision, hash_ in sorted(self.hashes.items()))
        signed = (self.node, *place, self.digest, self.follower, *hashes)
        return "\n".join(("meridian/position/v1", *(str(part) for part in signed))).encode()


class ReadPosition(Request[ReplicaPosition]):
    """Say where *node*'s database stands, and what its history has at *revisions*.

    Asked before the log is rebuilt from a database, and before one is replaced by a snapshot.
    """

    subject: ClassVar = Subject(
        "meridian.config.{node}.position",
        speakers=frozenset({"config", "replication"}),
        answered_by=frozenset({"config"}),
    )

    node: NodeId
    revisions: tuple[Revision, ...] = Field(default=(), max_length=1_000)


class GenerationBegun(Message):
    """The log goes on in *log_generation* with *revision*, from the database of *node*.

    *unreachable* are masters that gave no report, *left_behind* those of an earlier generation that
    have another history: what either had alone is not in the log.
    """

    node: NodeId
    log_generation: LogGeneration
    revision: Revision
    hash: str
    unreachable: tuple[NodeId, ...] = ()
    left_behind: tuple[NodeId, ...] = ()


class RebuildLog(Request[GenerationBegun]):
    """Begin the log's next generation from the masters' databases, after its servers lost it.

    It goes on from the one of the latest generation, and of equals from the longest; that master
    does it, whichever *node* is asked. With *force* also while a master cannot be asked, or has
    changes alone from an earlier generation.
    """

    subject: ClassVar = Subject(
        "meridian.config.{node}.rebuild_log",
        speakers=frozenset({"gateway", "config"}),
        answered_by=frozenset({"config"}),
    )

    node: NodeId
    force: bool = False
    author: str
    reason: str = Field(default="", max_length=500)


class PromoteAlone(Request[GenerationBegun]):
    """Go on alone, on *node*'s own NATS server: the log's servers have no quorum.

    The other side may still have a quorum and accept changes; the operator insists with *force*,
    and says why.
    """

    subject: ClassVar = Subject(
        "meridian.config.{node}.promote_alone",
        speakers=frozenset({"gateway"}),
        answered_by=frozenset({"config"}),
    )

    node: NodeId
    force: bool = False
    author: str
    reason: str = Field(default="", max_length=500)


class ConfigChanged(Event):
    """The configuration changed: which documents, by whom, at which revision.

    *deleted* are those of *changed* that are gone; *request_id* names the request that caused it.
    The event holds no bodies: they may be secret, and REST shows them by its own rights.
    """

    subject: ClassVar = Subject(
        "meridian.event.config.changed", speakers=frozenset({"config"}), stored=True
    )

    revision: Revision
    epoch: Epoch
    author: str
    changed: tuple[str, ...]
    deleted: tuple[str, ...] = ()
    request_id: RequestId = RequestId("")


class ReplicationModeChanged(Event):
    """Changes are acknowledged with the backup (`synchronous`) or without it (`degraded`) now."""

    subject: ClassVar = Subject(
        "meridian.event.replication.mode_changed", speakers=frozenset({"config"}), stored=True
    )

    mode: ReplicationMode
    previous: ReplicationMode
    cause: str
    revision: Revision
    epoch: Epoch
