"""A log, a store and an exchange in memory, with a clock that the test moves."""

from dataclasses import dataclass, field
from pathlib import Path

from nats.aio.client import Client

from services.replication.conflicts.archive import ConflictArchive
from services.replication.core.snapshot import Content, Snapshot
from services.replication.follow.applier import Applier
from services.replication.follow.loop import FollowerLoop
from services.replication.snapshots.chunk_cache import ChunkCache
from services.replication.snapshots.exchange import SnapshotExchange
from shared.crypto.nodekeys import NodeKey
from shared.domain.errors import MeridianError, Unavailable
from shared.domain.ids import Instant, LogGeneration, NodeId, Revision, UnixMillis
from shared.domain.log import LogPosition, ReplicationMode
from shared.domain.snapshot import Scope
from shared.events.message import Event
from shared.messaging.events import EventPublisher
from shared.messaging.publisher import Publisher
from shared.runtime.health import Health
from tests.fakes.cluster_log import MemoryLog
from tests.fakes.follower_store import MemoryFollowerStore
from tests.fakes.rejections import KeptRejections
from tests.integration.entries import Pen, node, put

BERLIN = NodeId("berlin")


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

    def __init__(self, store: MemoryFollowerStore) -> None:
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
    store: MemoryFollowerStore = field(default_factory=MemoryFollowerStore)
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
            self.log.put(self.pen.write(put("node", name, node())).encode())

    def rebuild(self, generation: int = 2) -> MemoryLog:
        """Lose the log, and begin a later generation where the pen is."""
        self.log.lose()
        later = self.log.begin(LogGeneration(generation))
        later.put(self.pen.begin(generation).encode())
        return later

    def intrude(self, data: bytes | None) -> None:
        """Append a message that no primary wrote, or one that is gone."""
        self.log.put(data or b"")
        if data is None:
            self.log.discard(len(self.log.messages))
        self.pen.skip()

    def keep_conflicts(self) -> "KeptConflicts":
        """Have what the copy has alone kept from now on."""
        keeper = KeptConflicts(self.store)
        self.following.conflicts = keeper
        return keeper

    def snapshot(self) -> Snapshot:
        """The state at the pen's position, as a master would offer it."""
        return Snapshot(self.pen.position, ReplicationMode.SYNCHRONOUS, (), scope=Scope.DIRECTORY)
