"""A log, a store and an exchange in memory, with a clock that the test moves."""

import asyncio
from collections.abc import AsyncGenerator
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, field
from pathlib import Path

from nats.aio.client import Client

from services.replication.conflicts.archive import ConflictArchive
from services.replication.core.snapshot import Content, Snapshot
from services.replication.follow.applier import Applier
from services.replication.follow.loop import FollowerLoop
from services.replication.replica.store import Copy
from services.replication.snapshots.chunk_cache import ChunkCache
from services.replication.snapshots.exchange import SnapshotExchange
from shared.clusterlog.log import ClusterLog, LogMissing, RawEntry
from shared.crypto.nodekeys import NodeKey
from shared.domain.document import Document
from shared.domain.errors import LogUnavailable, MeridianError, Unavailable
from shared.domain.ids import Instant, LogGeneration, NodeId, Revision, Sequence, UnixMillis
from shared.domain.log import (
    LogEntry,
    LogPosition,
    Op,
    ReplicationMode,
    StoredEntry,
    empty_position,
)
from shared.domain.snapshot import Scope
from shared.events.message import Event
from shared.messaging.events import EventPublisher
from shared.messaging.publisher import Publisher
from shared.runtime.health import Health
from tests.fakes.rejections import KeptRejections
from tests.integration.entries import GENERATION, Pen, node, put

BERLIN = NodeId("berlin")


class MemoryLog(ClusterLog):
    """Messages by sequence; None stands for one that is gone."""

    def __init__(self, generation: LogGeneration = GENERATION) -> None:
        super().__init__(Client(), generation)
        self.generations: dict[LogGeneration, MemoryLog] = {}
        self.generations[generation] = self
        self.messages: list[bytes | None] = []
        self.is_away = False
        self.is_missing = False
        self.is_silent = False
        self.subscriptions: list[Sequence] = []
        self.reads = 0

    def of(self, generation: LogGeneration) -> "MemoryLog":
        missing = MemoryLog(generation)
        missing.generations, missing.is_missing = self.generations, True
        return self.generations.get(generation, missing)

    async def later(self) -> tuple[LogGeneration, ...]:
        return tuple(sorted((g for g in self.generations if g > self.generation), reverse=True))

    def begin(self, generation: LogGeneration) -> "MemoryLog":
        """A later generation, with no message yet."""
        later = MemoryLog(generation)
        later.generations = self.generations
        self.generations[generation] = later
        return later

    async def last(self) -> RawEntry | None:
        self._require_answer()
        end = len(self.messages)
        return RawEntry(Sequence(end), self.messages[-1] or b"") if end else None

    async def get(self, sequence: Sequence) -> RawEntry | None:
        self._require_answer()
        self.reads += 1
        if not 0 < sequence <= len(self.messages):
            return None
        data = self.messages[sequence - 1]
        return None if data is None else RawEntry(sequence, data)

    async def follow(self, sequence: Sequence) -> AsyncGenerator[RawEntry]:
        """What is there now, and then the end of the subscription."""
        self.subscriptions.append(sequence)
        self._require_answer()
        if self.is_silent:
            await asyncio.Event().wait()
        for number in range(sequence, len(self.messages) + 1):
            raw = await self.get(Sequence(number))
            if raw is not None:
                yield raw

    def _require_answer(self) -> None:
        if self.is_missing:
            raise LogMissing("the log LOG-1 is not there")
        if self.is_away:
            raise LogUnavailable("the log does not answer")


@dataclass
class MemoryStore:
    """A copy in memory."""

    at: LogPosition | None = field(default_factory=lambda: empty_position(GENERATION))
    documents: dict[tuple[str, str], Document] = field(
        default_factory=dict[tuple[str, str], Document]
    )
    record_applied: list[int] = field(default_factory=list[int])

    async def position(self) -> LogPosition | None:
        return self.at

    async def apply(self, stored: StoredEntry, sequence: Sequence) -> None:
        entry = LogEntry.decode(stored.body)
        assert self.at is not None
        for change in entry.changes:
            if change.op is Op.PUT and change.body is not None:
                key = change.kind, change.id
                self.documents[key] = Document(*key, entry.revision, change.body)
        self.at = LogPosition.of(entry, stored.hash, sequence)
        self.record_applied.append(sequence)

    async def load(self, content: Content) -> None:
        found = [each for chunk in content.chunks() for each in chunk.documents]
        self.at = content.position
        self.documents = {(each.kind, each.id): each for each in found}

    def copy(self, scope: Scope) -> AbstractAsyncContextManager[Copy]:
        raise AssertionError(f"nobody asks this follower for a snapshot of scope {scope}")

    async def nodes(self) -> tuple[Document, ...]:
        return tuple(each for each in self.documents.values() if each.kind == "node")

    async def snapshot(self) -> Snapshot:
        assert self.at is not None
        return Snapshot(
            self.at, ReplicationMode.SYNCHRONOUS, tuple(self.documents.values())
        ).within(Scope.DIRECTORY)


class MemoryExchange(SnapshotExchange):
    """Gives the snapshot that the test laid ready."""

    ready: Snapshot | None = None
    refusal: MeridianError = Unavailable("nobody answered")
    asked: tuple[Scope, Revision] | None = None

    async def fetch(self, scope: Scope, at_least: Revision) -> Content:
        self.asked = scope, at_least
        if self.ready is None:
            raise self.refusal
        return self.ready


class KeptEvents(EventPublisher):
    """Keeps what would be sent."""

    def __init__(self) -> None:
        self.kept: list[Event] = []

    def emit(self, event: Event) -> None:
        self.kept.append(event)


class KeptProgress(Publisher):
    """Keeps what would be published."""

    def __init__(self) -> None:
        self.kept: list[Event] = []

    async def publish(self, event: Event) -> None:
        self.kept.append(event)


class KeptConflicts(ConflictArchive):
    """Remembers what it was told to keep, and where the copy was at that moment."""

    def __init__(self, store: MemoryStore) -> None:
        self._store = store
        self.kept: list[tuple[LogPosition, LogPosition | None]] = []

    async def keep_own(self, position: LogPosition) -> None:
        self.kept.append((position, self._store.at))


@dataclass
class HandClock:
    """A clock that stands still until it is moved."""

    at: float = 1_000.0

    def now(self) -> Instant:
        return Instant(self.at)

    def unix_ms(self) -> UnixMillis:
        return UnixMillis(int(self.at * 1_000))


@dataclass
class World:
    """One follower and everything that it sees."""

    pen: Pen = field(default_factory=Pen)
    log: MemoryLog = field(default_factory=MemoryLog)
    store: MemoryStore = field(default_factory=MemoryStore)
    events: KeptEvents = field(default_factory=KeptEvents)
    publisher: KeptProgress = field(default_factory=KeptProgress)
    clock: HandClock = field(default_factory=HandClock)
    health: Health = field(default_factory=Health)
    key: NodeKey = field(default_factory=NodeKey.generate)
    snapshot_after: int = 200
    rejections: KeptRejections = field(default_factory=KeptRejections)

    def __post_init__(self) -> None:
        trust = self.pen.trust()
        self.applier = Applier(BERLIN, self.store, self.log, trust, self.events, self.rejections)
        self.exchange = MemoryExchange(
            node=BERLIN,
            key=self.key,
            trust=trust,
            client=Client(),
            log=self.log,
            store=self.store,
            publisher=self.publisher,
            cache=ChunkCache(Path("/nowhere")),
        )
        self.following = FollowerLoop(
            applier=self.applier,
            exchange=self.exchange,
            clock=self.clock,
            health=self.health,
            scope=Scope.DIRECTORY,
            snapshot_after=self.snapshot_after,
        )

    def write(self, *names: str) -> None:
        """Append one entry for each name."""
        for name in names:
            self.log.messages.append(self.pen.write(put("node", name, node())).encode())

    def rebuild(self, generation: int = 2) -> MemoryLog:
        """Lose the log, and begin a later generation where the pen is."""
        self.log.is_missing = True
        later = self.log.begin(LogGeneration(generation))
        later.messages.append(self.pen.begin(generation).encode())
        return later

    def intrude(self, data: bytes | None) -> None:
        """Append a message that no primary wrote, or one that is gone."""
        self.log.messages.append(data)
        self.pen.skip()

    def keep_conflicts(self) -> "KeptConflicts":
        """Have what the copy has alone kept from now on."""
        keeper = KeptConflicts(self.store)
        self.following.conflicts = keeper
        return keeper

    def snapshot(self) -> Snapshot:
        """The state at the pen's position, as a master would offer it."""
        return Snapshot(self.pen.position, ReplicationMode.SYNCHRONOUS, (), scope=Scope.DIRECTORY)
