"""Who judges the log and its copies: after every message, every commit and every answer.

A perfect reader reads each message as it comes into the log; what it applied is the history. Each
copy must be a prefix of it, by its hash and by its documents; no database is ahead of the log; an
epoch has one writer; an acknowledged change is in the history, at its revision, for ever, and in
the databases of those who are said to have it.

A generation of the log that begins goes on from an entry of the history. What came after that entry
is left behind: copies that have it stay what they are until they come into the new generation, and
what of it was acknowledged has to be kept by a master, in its copy or as a conflict.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Final

from services.replication.core.follower import Apply, Follower
from shared.decoding.errors import Undecodable
from shared.domain.ids import Epoch, LogGeneration, NodeId, RequestId, Revision
from shared.domain.ids import Sequence as LogSequence
from shared.domain.log import EMPTY_HASH, LogEntry, LogPosition, Op, StoredEntry, empty_position
from shared.events.config import ChangesAccepted
from shared.events.replication import LogRebuilt
from tests.fakes.master_state import MemoryTransaction

FIRST: Final = LogSequence(1)
Verify = Callable[[StoredEntry], bool]


@dataclass(frozen=True, slots=True)
class Place:
    """Where a copy is that has an entry: *requests* are in it, *nodes* are there after it.

    *writer* wrote it as primary; nobody did where a generation is begun in an epoch that goes on.
    """

    position: LogPosition
    before: str
    writer: NodeId | None
    requests: tuple[RequestId, ...]
    nodes: dict[str, int]


@dataclass(frozen=True, slots=True)
class LeftBehind:
    """An acknowledged change that is not in the history: who had it, and in which entry."""

    hash: str
    generation: LogGeneration
    durable_on: frozenset[NodeId]


@dataclass
class History:
    """The entries up to one of them, in order; *places* has every entry that there ever was."""

    places: dict[str, Place]
    hashes: dict[Revision, str] = field(default_factory=lambda: {Revision(0): EMPTY_HASH})
    written: dict[RequestId, Revision] = field(default_factory=dict[RequestId, Revision])
    writers: dict[Epoch, NodeId] = field(default_factory=dict[Epoch, NodeId])

    def add(self, place: Place) -> None:
        position = place.position
        if place.writer is not None:
            first = self.writers.setdefault(position.epoch, place.writer)
            assert first == place.writer, (
                f"{first} and {place.writer} both wrote in {position.epoch}"
            )
        self.hashes[position.revision] = position.hash
        for request_id in place.requests:
            self.written.setdefault(request_id, position.revision)

    def up_to(self, hash_: str) -> "History":
        """The history whose last entry is the one called *hash_*."""
        way: list[Place] = []
        while hash_ != EMPTY_HASH:
            way.append(self.places[hash_])
            hash_ = way[-1].before
        history = History(self.places)
        for place in reversed(way):
            history.add(place)
        return history

    def has(self, hash_: str) -> bool:
        return self.hashes.get(self.places[hash_].position.revision) == hash_


@dataclass
class Ledger:
    """The one history, and what was promised about it.

    *copies* says where a master's database is, *kept* which entries are kept as conflicts.
    """

    generation: LogGeneration
    verify: Verify
    copies: Callable[[NodeId], LogPosition]
    masters: Sequence[NodeId]
    kept: Callable[[], set[str]]
    acknowledged: dict[RequestId, Revision] = field(default_factory=dict[RequestId, Revision])
    answers: list[tuple[RequestId, ChangesAccepted]] = field(
        default_factory=list[tuple[RequestId, ChangesAccepted]]
    )
    """The first answer to each request, in order."""

    left_behind: dict[RequestId, LeftBehind] = field(default_factory=dict[RequestId, LeftBehind])
    _durable_on: dict[RequestId, set[NodeId]] = field(default_factory=dict[RequestId, set[NodeId]])
    _history: History = field(init=False)
    _reader: Follower = field(init=False)

    def __post_init__(self) -> None:
        empty = empty_position(self.generation)
        self._history = History({EMPTY_HASH: Place(empty, "", None, (), {})})
        self._reader = Follower(empty)

    @property
    def position(self) -> LogPosition:
        """Where the history ends."""
        return self._reader.position

    @property
    def written(self) -> dict[RequestId, Revision]:
        """The requests that are in the history."""
        return self._history.written

    def came(self, generation: LogGeneration, sequence: LogSequence, message: bytes) -> None:
        """A message came into a generation of the log."""
        stored = _stored(message)
        proven = stored is not None and self.verify(stored)
        if proven and stored is not None and generation > self.generation and sequence == FIRST:
            self._begin(generation, stored)
        if generation != self.generation:
            return
        verdict = self._reader.judge(sequence, stored, proven=proven)
        if isinstance(verdict, Apply):
            self._applied(verdict.entry, verdict.stored, sequence)
        self._reader.record_read(sequence)

    def _begin(self, generation: LogGeneration, stored: StoredEntry) -> None:
        """The history goes on in *generation*, if it is *stored* that begins it."""
        entry = LogEntry.decode(stored.body)
        if not entry.begins_generation or entry.log_generation != generation:
            return
        base = self._history.places.get(entry.previous_hash)
        assert base is not None, f"generation {generation} goes on from what never was"
        before, self._history = self._history, self._history.up_to(base.position.hash)
        self.generation, self._reader = generation, Follower(base.position, generation)
        for request_id, revision in self.acknowledged.items():
            if self.written.get(request_id) != revision and request_id not in self.left_behind:
                durable_on = frozenset(self._durable_on[request_id])
                assert stored.signer not in durable_on, f"{stored.signer} had {request_id}"
                left = LeftBehind(before.hashes[revision], generation, durable_on)
                self.left_behind[request_id] = left

    def rebuilt(self, event: LogRebuilt) -> None:
        """What was left behind was on those alone who were not asked, or are named for it."""
        without = {*event.unreachable, *event.left_behind}
        for request_id, left in self.left_behind.items():
            if left.generation == event.log_generation:
                where = f"{request_id} was on {sorted(left.durable_on)}"
                assert left.durable_on <= without, f"{where}, who were asked"

    def _applied(self, entry: LogEntry, stored: StoredEntry, sequence: LogSequence) -> None:
        before = self.position
        assert entry.epoch >= before.epoch, f"epoch {entry.epoch} came after {before.epoch}"
        nodes = dict(self._history.places[before.hash].nodes)
        for change in entry.changes:
            if change.kind == "node" and change.op is Op.PUT:
                nodes[change.id] = entry.revision
            elif change.kind == "node" and change.op is Op.DELETE:
                nodes.pop(change.id, None)
        position = LogPosition.of(entry, stored.hash, sequence)
        requests = tuple({change.request_id: None for change in entry.changes})
        is_primarys = entry.begins_epoch or not entry.begins_generation
        writer = stored.signer if is_primarys else None
        place = Place(position, before.hash, writer, requests, nodes)
        self._history.places[position.hash] = place
        self._history.add(place)
        self._reader.record_applied(position)

    def committed(self, node: NodeId, here: MemoryTransaction) -> None:
        """A copy moved: it is a prefix of the history, and so are its documents."""
        self.moved(node, here.position)
        nodes = {
            row.id: row.revision for row in here.documents_by_ref.values() if row.kind == "node"
        }
        there = self._history.places[here.position.hash].nodes
        assert nodes == there, f"{node} has other documents"
        self.check_left_behind()

    def moved(self, node: NodeId, position: LogPosition) -> None:
        """A copy reports that it is at *position*."""
        place = self._history.places.get(position.hash)
        assert place is not None, f"{node} is ahead of the log, or has another history"
        assert position.revision == place.position.revision, f"{node} counts otherwise"
        is_behind = position.log_generation < self.generation
        assert is_behind or self._history.has(position.hash), f"{node} has another history"

    def answered(self, request_id: RequestId, answer: ChangesAccepted) -> None:
        """Somebody got the answer that a change is made."""
        revision = self.written.get(request_id)
        assert revision == answer.revision, f"{request_id} is at {revision}, not {answer.revision}"
        for name in answer.durable_on:
            node = NodeId(name)
            assert self.copies(node).revision >= answer.revision, f"{node} does not have it"
        if request_id not in self.acknowledged:
            self.answers.append((request_id, answer))
        self.acknowledged[request_id] = answer.revision
        named = self._durable_on.setdefault(request_id, set())
        named.update(NodeId(name) for name in answer.durable_on)

    def check_kept(self) -> None:
        """Every acknowledged change is still there, where it was, or kept as a conflict."""
        lost = {
            request_id: revision
            for request_id, revision in self.acknowledged.items()
            if self.written.get(request_id) != revision and request_id not in self.left_behind
        }
        assert not lost, f"acknowledged and lost: {lost}"
        self.check_left_behind()

    def check_left_behind(self) -> None:
        """A master has each acknowledged change that is left behind, in its copy or kept beside."""
        if not self.left_behind:
            return
        kept = self.kept()
        copies = [self._history.up_to(self.copies(node).hash) for node in self.masters]
        for request_id, left in self.left_behind.items():
            is_there = left.hash in kept or any(copy.has(left.hash) for copy in copies)
            assert is_there, f"{request_id} was acknowledged, is left behind, and nobody kept it"


def _stored(message: bytes) -> StoredEntry | None:
    try:
        return StoredEntry.decode(message)
    except Undecodable:
        return None
