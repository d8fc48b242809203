"""The composition root of replication."""

from faststream import FastStream

from services.replication.exchange import DIRECTORY, FULL, Exchange
from services.replication.following import Following
from services.replication.handlers import Handlers, router
from services.replication.settings import ReplicationSettings
from services.replication.store import FileStore, FollowerStore, MasterStore
from shared.clusterlog.log import ClusterLog
from shared.messaging.link import Link
from shared.persistence.master_state import MasterState
from shared.persistence.pool import Database
from shared.runtime.clock import Clock
from shared.runtime.context import ServiceContext, build_context
from shared.runtime.service import Service


def build_app(settings: ReplicationSettings, *, clock: Clock) -> Service:
    """Everything of replication, wired; nothing of it runs yet."""
    context = build_context(settings, "replication", clock)
    is_master = settings.database_url is not None
    link = Link(context.access, context.identity, "log")
    exchange = Exchange(
        node=settings.node,
        key=context.node_key,
        trust=context.trust,
        client=link.client,
        log=ClusterLog(link.client, context.trust.log_generation),
        store=_store(settings, context),
        publisher=context.publisher,
    )
    scope = FULL if is_master else DIRECTORY
    following = Following(exchange, clock, context.health, scope, settings.snapshot_after)
    handlers = Handlers(following, exchange)
    context.broker.include_router(router(handlers, settings.node, is_master=is_master))
    return Service(
        FastStream(context.broker, logger=None),
        context,
        tasks=(link.run, following.run, following.tell),
    )


def _store(settings: ReplicationSettings, context: ServiceContext) -> FollowerStore:
    if settings.database_url is not None:
        return MasterStore(MasterState(Database(settings.database_url.get_secret_value())))
    generation = context.trust.log_generation
    return FileStore(settings.state_dir, settings.node, context.node_key, generation)
