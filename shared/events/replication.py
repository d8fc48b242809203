"""The progress of each follower, and the way to ask for it."""

from enum import StrEnum
from typing import ClassVar

from shared.domain.ids import Epoch, LogGeneration, NodeId, Revision, Sequence
from shared.domain.log_server import LogServerState
from shared.events.message import Event, Message, Request
from shared.events.subject import Subject


class FollowerState(StrEnum):
    """A follower as seen from outside."""

    FOLLOWING = "following"
    SNAPSHOTTING = "snapshotting"
    DIVERGED = "diverged"
    DETACHED = "detached"
    LOG_LOST = "log_lost"


class FollowerProgressed(Event):
    """*node* has applied the log up to *revision*; *signature* is the node's own Ed25519.

    Sent after each applied entry, and every few seconds. The signature covers `progress_bytes`.
    """

    subject: ClassVar = Subject(
        "meridian.replication.{node}.progress",
        speakers=frozenset({"replication"}),
        sender_field="node",
    )

    node: NodeId
    state: FollowerState
    log_generation: LogGeneration
    revision: Revision
    sequence: Sequence
    epoch: Epoch
    hash: str
    lag: int = 0
    signature: str = ""

    def progress_bytes(self) -> bytes:
        """Return the bytes that the node signs: its position and the chain that proves it."""
        parts = (self.node, self.state, self.log_generation, self.revision, self.epoch, self.hash)
        return "\n".join(("meridian/progress/v1", *(str(part) for part in parts))).encode()


class FollowerStateChanged(Event):
    """The replica on *node* is in *state* now; emitted for states that an operator must see."""

    subject: ClassVar = Subject(
        "meridian.event.replication.state_changed",
        speakers=frozenset({"replication"}),
        stored=True,
    )

    node: NodeId
    state: FollowerState
    previous: FollowerState
    revision: Revision
    hash: str
    cause: str = ""


class LogRebuilt(Event):
    """The log goes on in *log_generation*, from the database of *node*.

    It was rebuilt by *author* because the servers had lost it. *revision*, *hash* and *epoch* are
    where it goes on from; *unreachable* are masters that gave no report, and *left_behind*
    those of an earlier generation that have another history.
    """

    subject: ClassVar = Subject(
        "meridian.event.replication.log_rebuilt", speakers=frozenset({"config"}), stored=True
    )

    node: NodeId
    log_generation: LogGeneration
    revision: Revision
    hash: str
    epoch: Epoch
    author: str
    reason: str = ""
    unreachable: tuple[NodeId, ...] = ()
    left_behind: tuple[NodeId, ...] = ()


class LogSpaceChanged(Event):
    """The log's server on *node* has little room left for its streams, or enough again.

    Full servers take no change of the configuration any more: give them more room before that.
    """

    subject: ClassVar = Subject(
        "meridian.event.replication.space_changed",
        speakers=frozenset({"failover_monitor"}),
        stored=True,
    )

    node: NodeId
    is_low: bool
    used_bytes: int
    limit_bytes: int


class LogServerChanged(Event):
    """The log's server on *node* is *state* now; *survival* says what the log survives.

    Emitted by the primary at least once: a new primary repeats what is wrong.
    """

    subject: ClassVar = Subject(
        "meridian.event.replication.log_server_changed",
        speakers=frozenset({"failover_monitor"}),
        stored=True,
    )

    node: NodeId
    state: LogServerState
    previous: LogServerState
    cause: str
    survival: str


class SyncNow(Request[FollowerProgressed]):
    """Make the follower on *node* catch up and prove its position; *resync* takes a snapshot."""

    subject: ClassVar = Subject(
        "meridian.replication.{node}.sync",
        speakers=frozenset({"gateway", "failover_monitor"}),
        answered_by=frozenset({"replication"}),
    )

    node: NodeId
    resync: bool = False


class SnapshotOffered(Message):
    """A snapshot up to *revision* with *hash* lies in the object store.

    *name* holds its manifest, and each chunk has an object of its own.
    """

    name: str
    log_generation: LogGeneration
    revision: Revision
    hash: str


class OfferSnapshot(Request[SnapshotOffered]):
    """Put a fresh snapshot into the object store; a master's replication answers.

    *scope* `full` is everything (for masters, and for a backup), `directory` the site and its nodes
    only.
    """

    subject: ClassVar = Subject(
        "meridian.replication.snapshot",
        speakers=frozenset({"replication", "gateway"}),
        answered_by=frozenset({"replication"}),
    )

    scope: str = "directory"
