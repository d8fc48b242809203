"""The composition root of config."""

from functools import partial

from faststream import FastStream

from services.config.handlers import (
    ReadHandlers,
    RepairHandlers,
    proof_router,
    repair_router,
    router,
)
from services.config.repair.generation import GenerationStarter, LogStreams
from services.config.repair.lease import make_lease
from services.config.repair.log_server import LogServer
from services.config.repair.positions import MasterPositions, PositionReporter
from services.config.repair.promotion import Promoter
from services.config.repair.rebuilding import Rebuilder
from services.config.settings import ConfigSettings
from services.config.write.acknowledgements import Acknowledgements, BackupPositions
from services.config.write.cleanup import RequestCleanup
from services.config.write.prover import Prover
from services.config.write.replica import Replica, WritePermission
from services.config.write.writer import Writer
from shared.clusterlog.link import LogLink
from shared.clusterlog.log import ClusterLog, EntrySigner
from shared.domain.timing import LEASE_TIMINGS
from shared.persistence.commit_probe import CommitProbe
from shared.persistence.master_state import MasterState
from shared.persistence.pool import Database
from shared.runtime.clock import Clock, kernel_boot_id
from shared.runtime.context import build_context
from shared.runtime.grant import GrantHolder
from shared.runtime.service import Service
from shared.runtime.watchdog import Watchdog


def build_app(settings: ConfigSettings, *, clock: Clock) -> Service:
    """Wire everything of config; nothing of it runs yet."""
    context = build_context(settings, "config", clock)
    bus, trust = context.bus, context.keys.trust
    link = bus.build_connection("log")
    log = ClusterLog(link.client, trust.log_generation)
    database = Database(settings.database)
    state = MasterState(database)
    signer = EntrySigner(settings.node, context.keys.node_key)
    grant = GrantHolder(settings.node, kernel_boot_id())
    replica = Replica.of(signer, trust, state, log, WritePermission(grant, clock))
    backups = BackupPositions(trust, replica)
    writer = Writer(replica, Acknowledgements(replica, backups), bus.events)
    prover = Prover(
        *(writer, state, CommitProbe(database)),
        LogLink(link.client, lambda: replica.log.generation),
        LEASE_TIMINGS[settings.timing],
    )
    reporter = PositionReporter(signer, state, lambda: backups.follower)
    streams = LogStreams(log, trust, partial(make_lease, link.client))
    rebuilder = Rebuilder(
        MasterPositions(reporter, trust, log, bus.publisher),
        GenerationStarter(signer, state, streams, clock),
        bus.events,
        settings.nats_replicas,
    )
    server = LogServer(link.client, settings.node)
    promoter = Promoter(settings.node, rebuilder, server, state, lambda: writer.is_acting)
    repair = RepairHandlers(reporter, rebuilder, promoter)
    bus.broker.include_router(router(writer, ReadHandlers(writer, state), settings.node))
    bus.broker.include_router(proof_router(prover, settings.node))
    bus.broker.include_router(repair_router(repair, settings.node))
    watchdog = Watchdog(lambda: grant.valid_until, clock)
    return Service(
        FastStream(bus.broker, logger=None),
        context,
        tasks=(link.run, writer.run, prover.run, watchdog.run),
        workers={"requests": RequestCleanup(state, clock).run},
    )
