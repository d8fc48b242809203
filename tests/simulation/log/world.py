"""A log, its writers and its followers in one seeded world.

The real decisions run here: what a batch of proposals becomes, which entry follows, what a
follower does with each message. The world only loses, repeats, delays and forges; it never
judges. `reference` is the history as one perfect reader sees it.
"""

import random
from dataclasses import dataclass, field
from typing import Any

from services.config.core.batch import Answered, digest, gathered
from services.config.core.documents import Documents
from services.replication.core.follower import Apply, Fetch, Follower, Known, Skip
from services.replication.core.snapshot import Snapshot
from shared.domain.ids import (
    Epoch,
    LogGeneration,
    NodeId,
    RequestId,
    Revision,
    Sequence,
    UnixMillis,
)
from shared.domain.log import (
    Change,
    LogEntry,
    Marker,
    Op,
    ReplicationMode,
    StoredEntry,
    empty_marker,
    entry_hash,
    follows,
)
from shared.domain.snapshot import SnapshotDocument
from shared.events.config import ProposeChanges, ProposedChange

GENERATION = LogGeneration(1)
TRUE, FORGED = b"signed by a master", b"signed by a stranger"
NODES = ("berlin", "denver", "tokyo", "lagos")


@dataclass
class Log:
    """Messages in order; an append counts only behind the message that its writer saw last."""

    messages: list[bytes] = field(default_factory=list[bytes])

    @property
    def end(self) -> Sequence:
        return Sequence(len(self.messages))

    def append(self, message: bytes, expected: Sequence) -> bool:
        if expected != self.end:
            return False
        self.messages.append(message)
        return True

    def get(self, sequence: Sequence) -> bytes:
        return self.messages[sequence - 1]


@dataclass
class Copy:
    """A copy of the state: documents by name, and where it stands."""

    follower: Follower = field(default_factory=lambda: Follower(empty_marker(GENERATION)))
    documents: dict[str, dict[str, Any]] = field(default_factory=dict[str, dict[str, Any]])

    @property
    def marker(self) -> Marker:
        return self.follower.marker

    def offer(self, sequence: Sequence, message: bytes) -> Fetch | None:
        """Judge one message and do what the verdict says."""
        stored = _stored(message)
        proven = stored is not None and stored.signature == TRUE
        match self.follower.judge(sequence, stored, proven=proven):
            case Fetch() as fetch:
                return fetch
            case Apply(stored, entry):
                self._apply(entry, stored, sequence)
                self.follower.passed(sequence)
            case Skip():
                self.follower.passed(sequence)
            case Known():
                pass
        return None

    def read_all(self, log: Log) -> None:
        """Read to the end of *log*, in order."""
        for number in range(self.follower.read_to + 1, log.end + 1):
            assert self.offer(Sequence(number), log.get(Sequence(number))) is None

    def snapshot(self) -> bytes:
        documents = tuple(
            SnapshotDocument("node", name, Revision(0), body)
            for name, body in sorted(self.documents.items())
        )
        return Snapshot(self.marker, ReplicationMode.SYNCHRONOUS, documents).encode()

    @staticmethod
    def of(snapshot: bytes) -> "Copy":
        read = Snapshot.decode(snapshot)
        return Copy(Follower(read.marker), {each.id: each.body for each in read.documents})

    def _apply(self, entry: LogEntry, stored: StoredEntry, sequence: Sequence) -> None:
        for change in entry.changes:
            if change.op is Op.PUT and change.body is not None:
                self.documents[change.id] = change.body
            elif change.op is Op.DELETE:
                self.documents.pop(change.id, None)
        self.follower.applied(self.marker.advanced(entry, stored.hash, sequence))


@dataclass
class Master:
    """A master that may believe to be primary of *epoch*."""

    name: str
    copy: Copy = field(default_factory=Copy)
    epoch: Epoch = Epoch(0)
    answered: dict[RequestId, Answered] = field(default_factory=dict[RequestId, Answered])

    def begin(self, log: Log, epoch: Epoch) -> bool:
        """Catch up and append `epoch_began`; False when somebody was faster."""
        self.copy.read_all(log)
        if self.copy.marker.epoch >= epoch:
            return False
        began = Change("cluster", "cluster", Op.EPOCH_BEGAN, {}, "m", RequestId(""), "")
        self.epoch = epoch
        return self._write(log, (began,))

    def propose(self, log: Log, proposal: ProposeChanges) -> Revision | None:
        """The revision that *proposal* is acknowledged at; None when it is not."""
        documents = Documents({}).with_(
            {("node", name): body for name, body in self.copy.documents.items()}, Revision(0)
        )
        revision = Revision(self.copy.marker.revision + 1)
        batch = gathered(documents, (proposal,), self.answered, revision)
        if batch.repeated:
            return batch.repeated[proposal.request_id]
        if not batch.changes or not self._write(log, tuple(batch.changes)):
            return None
        self.answered[proposal.request_id] = Answered(digest(proposal), revision)
        return revision

    def _write(self, log: Log, changes: tuple[Change, ...]) -> bool:
        marker = self.copy.marker
        entry = LogEntry(
            GENERATION,
            Revision(marker.revision + 1),
            self.epoch,
            changes,
            UnixMillis(0),
            marker.hash,
        )
        if follows(marker, entry) is not None:  # refused by the own database, before the append
            return False
        message = stored_message(entry, self.name, TRUE)
        if not log.append(message, self.copy.follower.read_to):
            return False
        self.copy.read_all(log)
        return True


def stored_message(entry: LogEntry, signer: str, signature: bytes) -> bytes:
    body = entry.encode()
    return StoredEntry(body, entry_hash(body), NodeId(signer), signature).encode()


def proposal(chance: random.Random, number: int) -> ProposeChanges:
    """A change of some node, or its deletion."""
    name = chance.choice(NODES)
    is_put = chance.random() < 0.8
    change = ProposedChange(
        kind="node",
        id=name,
        op="put" if is_put else "delete",
        body={"role": "traffic", "weight": number} if is_put else None,
    )
    return ProposeChanges(request_id=RequestId(str(number)), author="rita", changes=(change,))


def forgery(chance: random.Random, log: Log) -> bytes:
    """Something that is no entry of the history: garbage, a stranger's, or an old one again."""
    kind = chance.randrange(3)
    if kind == 0 or not log.messages:
        return chance.randbytes(chance.randrange(40))
    if kind == 1:
        return chance.choice(log.messages)
    stored = _stored(log.messages[-1])
    if stored is None:
        return b"{}"
    entry = LogEntry.decode(stored.body)
    next_one = LogEntry(
        GENERATION, Revision(entry.revision + 1), entry.epoch, (), UnixMillis(1), stored.hash
    )
    return stored_message(next_one, "stranger", FORGED)


def _stored(message: bytes) -> StoredEntry | None:
    try:
        return StoredEntry.decode(message)
    except ValueError:
        return None
