"""The composition root of replication."""

from faststream import FastStream

from services.replication.applying import Applier
from services.replication.chronicle import Chronicle
from services.replication.conflicts import ConflictKeeper
from services.replication.exchange import Exchange
from services.replication.following import Following
from services.replication.handlers import (
    ConflictHandlers,
    Handlers,
    conflict_router,
    router,
)
from services.replication.intake import Intake
from services.replication.settings import ReplicationSettings
from services.replication.store import FileStore, FollowerStore, MasterStore
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
    """Everything of replication, wired; nothing of it runs yet."""
    context = build_context(settings, "replication", clock)
    is_master = settings.database_url is not None
    link = context.bus.build_connection("log")
    log = ClusterLog(link.client, context.keys.trust.log_generation)
    database = None if settings.database is None else Database(settings.database)
    store = _store(settings, context, database)
    exchange = Exchange(
        node=settings.node,
        key=context.keys.node_key,
        trust=context.keys.trust,
        client=link.client,
        log=log,
        store=store,
        publisher=context.bus.publisher,
        intake=Intake(settings.state_dir),
    )
    keeper = None if database is None else _keeper(context, database, clock)
    applier = Applier(
        *(settings.node, store, log, context.keys.trust),
        *(context.bus.events, context.security.rejections),
    )
    following = Following(
        applier=applier,
        exchange=exchange,
        clock=clock,
        health=context.telemetry.health,
        scope=Scope.FULL if is_master else Scope.DIRECTORY,
        snapshot_after=settings.snapshot_after,
        keeper=keeper,
    )
    chronicle = None
    if database is not None:
        history = StatusHistory(database)
        chronicle = Chronicle(
            link.client, context.security.verifier, context.security.rejections, history, clock
        )
    handlers = Handlers(following, exchange, chronicle)
    context.bus.broker.include_router(router(handlers, settings.node, is_master=is_master))
    if keeper is not None:
        kept = ConflictHandlers(keeper)
        context.bus.broker.include_router(conflict_router(kept, settings.node))
    return Service(
        FastStream(context.bus.broker, logger=None),
        context,
        tasks=(link.run,),
        workers=_workers(following, chronicle),
    )


def _workers(following: Following, chronicle: Chronicle | None) -> dict[str, Task]:
    """What follows the log, tells of it and, on a master, keeps the history."""
    workers: dict[str, Task] = {
        "follower": following.run,
        "subscription": following.listen,
        "progress": following.tell,
    }
    if chronicle is not None:
        workers |= {"history": chronicle.run, "old history": chronicle.tidy}
    return workers


def _keeper(context: ServiceContext, database: Database, clock: Clock) -> ConflictKeeper:
    """Who keeps what this master had alone."""
    return ConflictKeeper(
        *(context.process.identity.node, context.keys.trust, Conflicts(database)),
        *(context.bus.publisher, clock, context.bus.events),
    )


def _store(
    settings: ReplicationSettings, context: ServiceContext, database: Database | None
) -> FollowerStore:
    if database is not None:
        return MasterStore(MasterState(database))
    generation = context.keys.trust.log_generation
    return FileStore(settings.state_dir, settings.node, context.keys.node_key, generation)
