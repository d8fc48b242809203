"""The composition root of config."""

from functools import partial

from faststream import FastStream

from services.config.confirm import Backups
from services.config.founding import make_lease
from services.config.handlers import (
    Handlers,
    PromotionHandlers,
    RebuildHandlers,
    promotion,
    rebuilding,
    router,
)
from services.config.log_server import LogServer
from services.config.promotion import Promoter
from services.config.rebuilding import Rebuilder
from services.config.replica import Replica
from services.config.settings import ConfigSettings
from services.config.upkeep import Upkeep
from services.config.writer import Writer
from shared.clusterlog.log import ClusterLog
from shared.persistence.master_state import MasterState
from shared.persistence.pool import Database
from shared.runtime.clock import Clock, kernel_boot_id
from shared.runtime.context import build_context
from shared.runtime.grant import GrantHolder
from shared.runtime.service import Service
from shared.runtime.watchdog import Watchdog


def build_app(settings: ConfigSettings, *, clock: Clock) -> Service:
    """Everything of config, wired; nothing of it runs yet."""
    context = build_context(settings, "config", clock)
    link = context.bus.build_connection("log")
    state = MasterState(Database(settings.database))
    log = ClusterLog(link.client, context.keys.trust.log_generation)
    replica = Replica.of(settings.node, context.keys.node_key, context.keys.trust, state, log)
    backups = Backups(settings.node, context.keys.trust, replica)
    grant = GrantHolder(settings.node, kernel_boot_id())
    writer = Writer(replica, backups, grant, clock, context.bus.events, context.faults.containment)
    rebuilder = Rebuilder(
        *(settings.node, context.keys.node_key, context.keys.trust, state, log),
        *(context.bus.publisher, clock, context.bus.events, settings.nats_replicas),
        make_lease=partial(make_lease, link.client),
        follower=lambda: backups.follower,
    )
    handlers = Handlers(writer, backups, state, grant)
    context.bus.broker.include_router(router(handlers, settings.node))
    context.bus.broker.include_router(rebuilding(RebuildHandlers(rebuilder), settings.node))
    server = LogServer(link.client, settings.node)
    promoter = Promoter(settings.node, rebuilder, server, state, lambda: writer.is_acting)
    context.bus.broker.include_router(promotion(PromotionHandlers(promoter), settings.node))
    watchdog = Watchdog(lambda: grant.valid_until, clock)
    return Service(
        FastStream(context.bus.broker, logger=None),
        context,
        tasks=(link.run, writer.run, watchdog.run),
        workers={"requests": Upkeep(state, clock).run},
    )
