"""The composition root of replication."""

from faststream import FastStream
from nats.aio.client import Client

from services.replication.conflicts.archive import ConflictArchive
from services.replication.follow.applier import Applier
from services.replication.follow.loop import FollowerLoop, fault_of
from services.replication.handlers import (
    ConflictHandlers,
    Handlers,
    ProofHandlers,
    conflict_router,
    proof_router,
    router,
)
from services.replication.history.archiver import EventArchiver
from services.replication.replica.store import FileStore, MasterStore
from services.replication.settings import ReplicationSettings
from services.replication.snapshots.chunk_cache import ChunkCache
from services.replication.snapshots.exchange import SnapshotExchange
from shared.clusterlog.log import ClusterLog
from shared.domain.snapshot import Scope
from shared.persistence.conflicts import Conflicts
from shared.persistence.master_state import MasterState
from shared.persistence.pool import Database
from shared.persistence.status_history import StatusHistory
from shared.runtime.clock import Clock
from shared.runtime.context import ServiceContext, build_context
from shared.runtime.service import Service, Task


def build_app(settings: ReplicationSettings, *, clock: Clock) -> Service:
    """Wire everything of replication; nothing of it runs yet."""
    context = build_context(settings, "replication", clock)
    link = context.bus.build_connection("log")
    log = ClusterLog(link.client, context.keys.trust.log_generation)
    database = None if settings.database is None else Database(settings.database)
    store = _store(settings, context, database)
    exchange = SnapshotExchange(
        node=settings.node,
        key=context.keys.node_key,
        trust=context.keys.trust,
        client=link.client,
        log=log,
        store=store,
        publisher=context.bus.publisher,
        cache=ChunkCache(settings.state_dir),
    )
    conflicts = None if database is None else _build_conflicts(context, database, clock)
    archiver = None if database is None else _build_archiver(context, link.client, database)
    applier = Applier(
        *(settings.node, store, log, context.keys.trust),
        *(context.bus.events, context.security.rejections),
    )
    follower = FollowerLoop(
        applier=applier,
        exchange=exchange,
        clock=clock,
        health=context.telemetry.health,
        scope=Scope.DIRECTORY if database is None else Scope.FULL,
        snapshot_after=settings.snapshot_after,
        conflicts=conflicts,
    )
    handlers = Handlers(follower, exchange, archiver)
    context.bus.broker.include_router(
        router(handlers, settings.node, is_master=database is not None)
    )
    if isinstance(store, MasterStore):
        proofs = ProofHandlers(settings.node, store, lambda: fault_of(follower.state))
        context.bus.broker.include_router(proof_router(proofs, settings.node))
    if conflicts is not None:
        conflict_handlers = ConflictHandlers(conflicts)
        context.bus.broker.include_router(conflict_router(conflict_handlers, settings.node))
    return Service(
        FastStream(context.bus.broker, logger=None),
        context,
        tasks=(link.run,),
        workers=_workers(follower, archiver),
    )


def _workers(follower: FollowerLoop, archiver: EventArchiver | None) -> dict[str, Task]:
    """Name what runs until the service ends; only a master archives events."""
    workers: dict[str, Task] = {
        "follower": follower.run,
        "subscription": follower.listen,
        "progress": follower.report_progress,
    }
    if archiver is not None:
        workers |= {"history": archiver.run, "old history": archiver.forget_old}
    return workers


def _build_archiver(context: ServiceContext, client: Client, database: Database) -> EventArchiver:
    security = context.security
    return EventArchiver(
        *(client, security.verifier, security.rejections, StatusHistory(database), context.clock)
    )


def _build_conflicts(context: ServiceContext, database: Database, clock: Clock) -> ConflictArchive:
    return ConflictArchive(
        *(context.process.identity.node, context.keys.trust, Conflicts(database)),
        *(context.bus.publisher, clock, context.bus.events),
    )


def _store(
    settings: ReplicationSettings, context: ServiceContext, database: Database | None
) -> MasterStore | FileStore:
    if database is not None:
        return MasterStore(MasterState(database), context.clock)
    generation = context.keys.trust.log_generation
    return FileStore(settings.state_dir, settings.node, context.keys.node_key, generation)
