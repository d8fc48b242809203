"""The services of one node in the simulated site: the product's own classes, on the world's ports.

A master has config (who writes) and replication (who follows), which share its database; a traffic
node has replication alone.
"""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, cast

from nats.aio.client import Client

from services.config.handlers import ReadHandlers, RepairHandlers, WriteHandlers
from services.config.repair.generation import GenerationStarter, LogStreams
from services.config.repair.positions import MasterPositions, PositionReporter
from services.config.repair.promotion import Promoter
from services.config.repair.rebuilding import Rebuilder
from services.config.write.acknowledgements import Acknowledgements, BackupPositions
from services.config.write.prover import Prover
from services.config.write.replica import Replica, WritePermission
from services.config.write.writer import Writer
from services.replication.conflicts.archive import ConflictArchive
from services.replication.core.snapshot import Content, Snapshot
from services.replication.follow.applier import Applier
from services.replication.follow.loop import FollowerLoop
from services.replication.handlers import ConflictHandlers
from services.replication.handlers import Handlers as FollowingHandlers
from services.replication.snapshots.chunk_cache import ChunkCache
from services.replication.snapshots.exchange import SnapshotExchange
from shared.clusterlog.log import EntrySigner
from shared.crypto.nodekeys import NodeKey, TrustStore
from shared.domain.errors import BadSignature, LogUnavailable, Unavailable
from shared.domain.ids import Instant, NodeId, Revision, UnixMillis
from shared.domain.snapshot import Scope
from shared.domain.timing import LEASE_TIMINGS
from shared.events.config import PromoteAlone, ReadPosition, RebuildLog
from shared.events.conflict import ReadConflict, ReadConflicts
from shared.events.message import Event, Message, Request
from shared.events.replication import FollowerProgressed, SyncNow
from shared.messaging.events import EventPublisher
from shared.messaging.ports import Asks
from shared.messaging.publisher import Publisher
from shared.runtime.containment import Containment
from shared.runtime.grant import GrantHolder
from shared.runtime.health import Health
from tests.fakes.conflicts import MemoryConflicts
from tests.fakes.follower_store import MemoryFollowerStore
from tests.fakes.rejections import KeptRejections
from tests.simulation.site.database import Database
from tests.simulation.site.process import Process
from tests.simulation.site.wire import WiredLog, WiredServer

if TYPE_CHECKING:
    from shared.persistence.master_state import MasterState

KERNEL: Final = "the only boot"
RELEASE: Final = "1.0.0"
SNAPSHOT_AFTER: Final = 12
REPLICAS: Final = 3

OnProgress = Callable[[FollowerProgressed], None]
Offered = Callable[[NodeId, Scope], Snapshot | None]


@dataclass(frozen=True)
class MachineClock:
    """A machine's two clocks; the one that people read may be set."""

    process: Process
    set_by_seconds: Callable[[], float]

    def now(self) -> Instant:
        return Instant(self.process.time())

    def unix_ms(self) -> UnixMillis:
        return UnixMillis(round((self.process.time() + self.set_by_seconds()) * 1_000))


class Strict(Containment):
    """Contains nothing: whatever goes wrong in a simulated service breaks the scenario."""

    def __init__(self, process: Process) -> None:
        super().__init__(self._break)
        self._process = process

    def fault(self, kind: str, name: str, error: Exception) -> str:
        self._break(error)
        raise error

    def _break(self, error: BaseException) -> None:
        self._process.broken = error


class Facts(EventPublisher):
    """Publishes events for tools outside to the world."""

    def __init__(self, on_event: Callable[[Event], None]) -> None:
        self._on_event = on_event

    def emit(self, event: Event) -> None:
        self._on_event(event)


class ProgressPublisher(Publisher):
    """Publishes a follower's progress over the simulated network."""

    def __init__(self, on_progress: OnProgress) -> None:
        self._on_progress = on_progress

    async def publish(self, event: Event) -> None:
        assert isinstance(event, FollowerProgressed), "a follower publishes nothing else"
        self._on_progress(event)


class MemoryExchange(SnapshotExchange):
    """Takes what another master offers at this moment, when the network lets it."""

    offered: Offered

    async def fetch(self, scope: Scope, at_least: Revision) -> Content:
        snapshot = self.offered(self.node, scope)
        if snapshot is None or snapshot.position.revision < at_least:
            raise Unavailable("nobody offers a snapshot")
        if not await self._is_on_the_log(snapshot.position):
            raise BadSignature("the snapshot is of another history than the log")
        return snapshot


@dataclass
class Outside:
    """What a node's services see of the world around them."""

    on_progress: OnProgress
    offered: Offered
    set_by_seconds: Callable[[], float]
    on_event: Callable[[Event], None]
    peers: Asks
    server: WiredServer
    preset: str


@dataclass(frozen=True)
class MachineLink:
    """Config's connection to the log, which is lost while its machine is cut off."""

    process: Process

    async def check_link(self, seconds: float) -> None:
        del seconds
        if self.process.master.is_cut_off:
            raise LogUnavailable("no server answers")


class Follows:
    """Replication of one node, as a process's tasks."""

    def __init__(
        self,
        of: tuple[NodeId, NodeKey, TrustStore],
        process: Process,
        log: WiredLog,
        database: Database,
        outside: Outside,
        scope: Scope,
    ) -> None:
        node, key, trust = of
        store, facts = MemoryFollowerStore(database), Facts(outside.on_event)
        exchange = MemoryExchange(
            *(node, key, trust, Client(), log, store, ProgressPublisher(outside.on_progress)),
            cache=ChunkCache(Path("/nowhere")),
        )
        exchange.offered = outside.offered
        clock = MachineClock(process, outside.set_by_seconds)
        conflicts = ConflictArchive(
            *(node, trust, MemoryConflicts(database), outside.peers, clock, facts)
        )
        applier = Applier(node, store, log, trust, facts, KeptRejections())
        self.following = FollowerLoop(
            *(applier, exchange, clock, Health(), scope, SNAPSHOT_AFTER),
            conflicts if scope is Scope.FULL else None,
        )
        self.handlers = FollowingHandlers(self.following, exchange, None)
        self.conflicts = ConflictHandlers(conflicts)
        for work in (
            self.following.run(),
            self.following.listen(),
            self.following.report_progress(),
        ):
            process.begin(work)

    async def answer(self, request: Request[Any]) -> Message:
        """This follower's answer to *request*."""
        match request:
            case SyncNow():
                return await self.handlers.on_sync(request)
            case ReadConflicts():
                return await self.conflicts.on_list(request)
            case ReadConflict():
                return await self.conflicts.on_read(request)
            case _:
                raise AssertionError(f"nobody here is asked for {request}")


class Masters:
    """Config of one master, beside its replication."""

    def __init__(
        self,
        of: tuple[NodeId, NodeKey, TrustStore],
        process: Process,
        log: WiredLog,
        database: Database,
        outside: Outside,
    ) -> None:
        node, key, trust = of
        self.process = process
        self.grant = GrantHolder(node, KERNEL)
        clock, signer = MachineClock(process, outside.set_by_seconds), EntrySigner(node, key)
        permission = WritePermission(self.grant, clock)
        self.replica = Replica.of(signer, trust, database, log, permission)
        backups = BackupPositions(trust, self.replica)
        facts = Facts(outside.on_event)
        self.writer = Writer(self.replica, Acknowledgements(self.replica, backups), facts)
        state = cast("MasterState", database)
        reporter = PositionReporter(signer, state, lambda: backups.follower)
        streams = LogStreams(log, trust, outside.server.make_lease)
        rebuilder = Rebuilder(
            MasterPositions(reporter, trust, log, outside.peers),
            GenerationStarter(signer, state, streams, clock),
            *(facts, REPLICAS),
        )
        promoter = Promoter(
            *(
                node,
                rebuilder,
                outside.server,
                MemoryFollowerStore(database),
                lambda: self.writer.is_acting,
            )
        )
        self.repair = RepairHandlers(reporter, rebuilder, promoter)
        self.prover = Prover(
            *(self.writer, state, database, MachineLink(process), LEASE_TIMINGS[outside.preset])
        )
        self.write = WriteHandlers(self.writer)
        self.read = ReadHandlers(self.writer, state)
        process.begin(self.writer.run())
        process.begin(self.prover.run())
        self.follows = Follows(of, process, log, database, outside, Scope.FULL)

    async def answer(self, request: Request[Any]) -> Message:
        """This master's answer to *request*."""
        match request:
            case ReadPosition():
                return await self.repair.on_read_position(request)
            case RebuildLog():
                return await self.repair.on_rebuild(request)
            case PromoteAlone():
                return await self.repair.on_promote(request)
            case _:
                return await self.follows.answer(request)
