"""Who judges the log and its copies: after every message, every commit and every answer.

A perfect reader reads each message as it comes into the log; what it applied is the history. Each
copy must be a prefix of it, by its hash and by its documents; no database is ahead of the log; an
epoch has one writer; an acknowledged change is in the history, at its revision, for ever, and in
the databases of those who are said to have it.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from services.replication.core.follower import Apply, Follower
from shared.domain.ids import Epoch, LogGeneration, NodeId, RequestId, Revision, Sequence
from shared.domain.log import EMPTY_HASH, LogEntry, Marker, Op, StoredEntry, empty_marker
from shared.events.config import ChangesAccepted
from tests.fakes.master_state import MemoryTransaction

Verify = Callable[[StoredEntry], bool]


@dataclass
class Ledger:
    """The one history, and what was promised about it."""

    generation: LogGeneration
    verify: Verify
    copies: Callable[[NodeId], Marker]
    hashes: dict[Revision, str] = field(default_factory=lambda: {Revision(0): EMPTY_HASH})
    written: dict[RequestId, Revision] = field(default_factory=dict[RequestId, Revision])
    acknowledged: dict[RequestId, Revision] = field(default_factory=dict[RequestId, Revision])
    answers: list[tuple[RequestId, ChangesAccepted]] = field(
        default_factory=list[tuple[RequestId, ChangesAccepted]]
    )
    """The first answer to each request, in order."""

    nodes_at: dict[Revision, tuple[str, ...]] = field(
        default_factory=lambda: {Revision(0): tuple[str, ...]()}
    )
    _writers: dict[Epoch, NodeId] = field(default_factory=dict[Epoch, NodeId])
    _nodes: dict[str, int] = field(default_factory=dict[str, int])
    _reader: Follower = field(init=False)

    def __post_init__(self) -> None:
        self._reader = Follower(empty_marker(self.generation))

    @property
    def marker(self) -> Marker:
        """Where the history ends."""
        return self._reader.marker

    def came(self, sequence: Sequence, message: bytes) -> None:
        """A message came into the log."""
        stored = _stored(message)
        proven = stored is not None and self.verify(stored)
        verdict = self._reader.judge(sequence, stored, proven=proven)
        if isinstance(verdict, Apply):
            self._applied(verdict.entry, verdict.stored, sequence)
        self._reader.passed(sequence)

    def _applied(self, entry: LogEntry, stored: StoredEntry, sequence: Sequence) -> None:
        before = self.marker.epoch
        assert entry.epoch >= before, f"epoch {entry.epoch} came after {before}"
        first = self._writers.setdefault(entry.epoch, stored.signer)
        assert first == stored.signer, f"{first} and {stored.signer} both wrote in {entry.epoch}"
        self._reader.applied(self.marker.advanced(entry, stored.hash, sequence))
        self.hashes[entry.revision] = stored.hash
        for change in entry.changes:
            self.written.setdefault(change.request_id, entry.revision)
            if change.kind == "node" and change.op is Op.PUT:
                self._nodes[change.id] = entry.revision
            elif change.kind == "node" and change.op is Op.DELETE:
                self._nodes.pop(change.id, None)
        self.nodes_at[entry.revision] = _named(self._nodes)

    def committed(self, node: NodeId, here: MemoryTransaction) -> None:
        """A copy moved: it is a prefix of the history, and so are its documents."""
        self.moved(node, here.marker)
        nodes = {row.id: row.revision for row in here.rows_by_name.values() if row.kind == "node"}
        assert _named(nodes) == self.nodes_at[here.marker.revision], f"{node} has other documents"

    def moved(self, node: NodeId, marker: Marker) -> None:
        """A copy says that it is at *marker*."""
        assert marker.revision <= self.marker.revision, f"{node} is ahead of the log"
        assert marker.hash == self.hashes[marker.revision], f"{node} has another history"

    def answered(self, request_id: RequestId, answer: ChangesAccepted) -> None:
        """Somebody was told that a change is made."""
        revision = self.written.get(request_id)
        assert revision == answer.revision, f"{request_id} is at {revision}, not {answer.revision}"
        for name in answer.durable_on:
            node = NodeId(name)
            assert self.copies(node).revision >= answer.revision, f"{node} does not have it"
        if request_id not in self.acknowledged:
            self.answers.append((request_id, answer))
        self.acknowledged[request_id] = answer.revision

    def check_kept(self) -> None:
        """Every acknowledged change is still there, where it was."""
        lost = {
            request_id: revision
            for request_id, revision in self.acknowledged.items()
            if self.written.get(request_id) != revision
        }
        assert not lost, f"acknowledged and lost: {lost}"


def _named(nodes: Mapping[str, int]) -> tuple[str, ...]:
    return tuple(f"{name}@{revision}" for name, revision in sorted(nodes.items()))


def _stored(message: bytes) -> StoredEntry | None:
    try:
        return StoredEntry.decode(message)
    except ValueError:
        return None
