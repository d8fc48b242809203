"""The composition root of the failover monitor: the one place that knows all of its parts."""

import asyncio
from functools import partial
from typing import Final

from faststream import FastStream

from services.failover_monitor.core.log_servers import LogServers
from services.failover_monitor.core.monitor import Monitor
from services.failover_monitor.core.record import Holder
from services.failover_monitor.core.timing import PRESETS, Timing
from services.failover_monitor.core.versions import OtherReleases
from services.failover_monitor.handlers import (
    HeartbeatHandler,
    StatusHandler,
    SwitchoverHandlers,
    heartbeat_router,
    promise_router,
    status_router,
    switchover_router,
)
from services.failover_monitor.health.check import HealthCheck
from services.failover_monitor.health.database import OwnDatabase
from services.failover_monitor.health.heartbeat import HeartbeatSender
from services.failover_monitor.health.primary import PrimaryHealthReporter
from services.failover_monitor.health.proofs import ProofCollector
from services.failover_monitor.lease.announcer import RoleAnnouncer
from services.failover_monitor.lease.calls import Calls
from services.failover_monitor.lease.runner import MonitorRunner
from services.failover_monitor.lease.store import BucketProbe, JetStreamLease, RecordSigner
from services.failover_monitor.log_servers.leaders import LeaderPlacement
from services.failover_monitor.log_servers.servers import LogServerMonitor
from services.failover_monitor.log_servers.upkeep import Upkeep
from services.failover_monitor.promises.collector import VoteCollector
from services.failover_monitor.promises.voter import Voter
from services.failover_monitor.redirection.desired import DesiredStateReader
from services.failover_monitor.redirection.dns import DnsMethod, read_key
from services.failover_monitor.redirection.hook import HookMethod
from services.failover_monitor.redirection.redirector import Redirector
from services.failover_monitor.redirection.shared_ip import SharedIpMethod
from services.failover_monitor.settings import MonitorSettings
from services.failover_monitor.switchover.giving_way import GivingWay
from services.failover_monitor.switchover.role_handover import RoleHandover
from services.failover_monitor.switchover.role_succession import RoleSuccession
from services.failover_monitor.switchover.steps import HandoverSteps
from shared.clusterlog.log import ClusterLog
from shared.documents.redirection import RedirectionMethod
from shared.domain.ids import NodeId
from shared.messaging.connection import NatsAccess
from shared.messaging.dedicated import DedicatedConnection
from shared.persistence.master_state import MasterState
from shared.persistence.pool import Database
from shared.runtime.clock import Clock, kernel_boot_id
from shared.runtime.context import ServiceContext, build_context
from shared.runtime.service import Service, Task
from shared.runtime.watchdog import Watchdog

LEASE: Final = "lease"
SYSTEM: Final = "system"


def build_app(settings: MonitorSettings, *, clock: Clock) -> Service:
    """Wire everything of the failover monitor; nothing of it runs yet.

    Raises:
        BadSettings: a key or a file is missing or damaged.
    """
    context = build_context(settings, "failover_monitor", clock)
    timing = PRESETS[settings.timing]
    link, system = build_links(settings, context)
    database = Database(settings.database)
    monitor = build_monitor(context, timing)
    versions = OtherReleases(context.process.version)
    log_servers = build_log_servers(settings, context)
    heartbeats = build_heartbeats(context, monitor, log_servers)
    redirector = build_redirector(settings, context, monitor, database)
    upkeep = Upkeep(monitor, clock)
    announcer = RoleAnnouncer(
        *(settings.node, kernel_boot_id(), context.bus.publisher, context.bus.events),
        (heartbeats.on_acquired, upkeep.on_acquired, redirector.on_acquired),
    )
    proofs = ProofCollector(settings.node, context.bus.publisher, clock, timing)
    calls = build_calls(context, link, database, versions, proofs)
    runner = MonitorRunner(monitor, calls, announcer, clock)
    switchover, giving_way = build_switchover(context, monitor, runner, database, proofs)
    leaders = LeaderPlacement(link.client, system.client, settings.node, settings.witness)
    status = StatusHandler(
        *(settings.node, monitor, leaders.leaders, log_servers, redirector.status, clock)
    )
    heard = HeartbeatHandler(settings.node, context.keys.trust, monitor, versions, clock)
    routers = (
        heartbeat_router(heard),
        status_router(status, settings.node),
        switchover_router(switchover, settings.node),
        promise_router(build_voter(context, monitor, link, timing), settings.node),
    )
    context.bus.broker.include_routers(*routers)
    tasks: list[Task] = [link.run, runner.run, Watchdog(announcer.granted_until, clock).run]
    workers: dict[str, Task] = {
        **build_health_workers(context, monitor, heartbeats, proofs),
        "giving_way": giving_way.run,
        "redirection": redirector.run,
        "streams": partial(upkeep.keep_streams, link.client, settings.nats_replicas),
        "leaders": partial(upkeep.keep_leaders, leaders, timing.leaders_seconds),
    }
    if settings.nats_system_user:
        servers = build_log_server_monitor(context, system, log_servers)
        tasks += [system.run]
        workers |= {"log_servers": partial(upkeep.watch_servers, servers)}
    return Service(
        FastStream(context.bus.broker, logger=None),
        context,
        tasks=tasks,
        workers=workers,
        ending=(database.close,),
    )


def build_links(
    settings: MonitorSettings, context: ServiceContext
) -> tuple[DedicatedConnection, DedicatedConnection]:
    """Build the connection for lease and log, and the one of the system account."""
    password = settings.system_password()
    system = NatsAccess(settings.nats_servers, settings.nats_system_user, password)
    return (
        context.bus.build_connection(LEASE),
        context.bus.build_connection(SYSTEM, system),
    )


def build_log_servers(settings: MonitorSettings, context: ServiceContext) -> LogServers:
    """Build the servers of the log: those of the masters and the witness."""
    witnesses = (NodeId(settings.witness),) if settings.witness else ()
    return LogServers((*context.keys.trust.masters, *witnesses))


def build_log_server_monitor(
    context: ServiceContext, system: DedicatedConnection, servers: LogServers
) -> LogServerMonitor:
    """Build what asks *servers* how they are, over the system account."""
    events, registry = context.bus.events, context.telemetry.registry
    return LogServerMonitor(system.client, servers, events, context.clock, registry)


def build_monitor(context: ServiceContext, timing: Timing) -> Monitor:
    """Build the core; the first master has a head start at the very first start of a site."""
    identity = context.process.identity
    first = min(context.keys.trust.masters, default=identity.node)
    head_start = 0.0 if identity.node == first else timing.ttl_seconds
    return Monitor(Holder(identity.node, identity.instance), timing, head_start)


def build_heartbeats(
    context: ServiceContext, monitor: Monitor, log_servers: LogServers
) -> HeartbeatSender:
    """Build the sender of this master's heartbeats."""
    return HeartbeatSender(
        *(context.process, monitor, context.bus.publisher, context.telemetry.health),
        *(context.clock, log_servers),
    )


def build_health_workers(
    context: ServiceContext, monitor: Monitor, heartbeats: HeartbeatSender, proofs: ProofCollector
) -> dict[str, Task]:
    """Build what asks this master's services how they are, and tells others."""
    node, seconds = (
        context.process.identity.node,
        PRESETS[context.settings.timing].heartbeat_seconds,
    )
    reporter = PrimaryHealthReporter(node, monitor, context.bus.events, context.clock)
    return {
        **proofs.tasks(),
        "heartbeat": partial(heartbeats.run, seconds),
        "primary_health": partial(reporter.run, seconds),
    }


def build_calls(
    context: ServiceContext,
    link: DedicatedConnection,
    database: Database,
    versions: OtherReleases,
    proofs: ProofCollector,
) -> Calls:
    """Build the core's calls: to the key, to this master, and to the other masters."""
    node, trust = context.process.identity.node, context.keys.trust
    timing = PRESETS[context.settings.timing]
    store = JetStreamLease(
        link.client,
        RecordSigner(node, context.keys.node_key, trust),
        timing.renew_seconds,
        context.security.rejections.record,
    )
    state = MasterState(database)
    log = ClusterLog(link.client, trust.log_generation)
    health = HealthCheck(node, proofs, state, log, trust, versions)
    votes = VoteCollector(
        node, trust, context.bus.publisher, OwnDatabase(state), timing.renew_seconds
    )
    return Calls(store, health, votes, context.faults.containment)


def build_switchover(
    context: ServiceContext,
    monitor: Monitor,
    runner: MonitorRunner,
    database: Database,
    proofs: ProofCollector,
) -> tuple[SwitchoverHandlers, GivingWay]:
    """Build both sides of a change of primary, and what hands the role of a sick one over."""
    node, key, clock = context.process.identity.node, context.keys.node_key, context.clock
    steps = HandoverSteps(
        node=node,
        boot_id=kernel_boot_id(),
        monitor=monitor,
        runner=runner,
        publisher=context.bus.publisher,
        trust=context.keys.trust,
        clock=clock,
    )
    busy = asyncio.Lock()
    own = OwnDatabase(MasterState(database))
    succession = RoleSuccession(node, monitor, runner, own, proofs, key, clock)
    return SwitchoverHandlers(RoleHandover(steps, busy), succession), GivingWay(steps, busy)


def build_voter(
    context: ServiceContext, monitor: Monitor, link: DedicatedConnection, timing: Timing
) -> Voter:
    """Build what votes on the requests of a primary that cannot renew its lease."""
    bucket = BucketProbe(link.client, context.process.identity.node, timing.probe_seconds)
    return Voter(monitor, bucket, context.keys.node_key, context.clock)


def build_redirector(
    settings: MonitorSettings, context: ServiceContext, monitor: Monitor, database: Database
) -> Redirector:
    """Build what directs the site's address to this master, beside the lease."""
    timing = PRESETS[settings.timing]
    return Redirector(
        DesiredStateReader(
            context.process.identity.node, monitor, MasterState(database), context.clock
        ),
        {
            RedirectionMethod.HOOK: HookMethod(settings.hook_command(), settings.webhook_key()),
            RedirectionMethod.DNS: DnsMethod(read_key(settings.dns_key())),
            RedirectionMethod.SHARED_IP: SharedIpMethod(
                monitor, context.clock, timing.renew_seconds
            ),
        },
        context.bus.events,
        context.clock,
        context.telemetry.registry,
        context.faults.containment,
    )
