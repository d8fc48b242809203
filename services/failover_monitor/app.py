"""The composition root of the failover monitor: the one place that knows all of its parts."""

from functools import partial
from typing import Final

from faststream import FastStream

from services.failover_monitor.checks import Examiner
from services.failover_monitor.core.lease import Holder
from services.failover_monitor.core.monitor import Monitor
from services.failover_monitor.core.timing import PRESETS, Timing
from services.failover_monitor.core.versions import Versions
from services.failover_monitor.handlers import Handlers, Orders, orders, promises, router
from services.failover_monitor.leaders import Leaders
from services.failover_monitor.promises import Promises, Word
from services.failover_monitor.redirection.dns import DnsMethod, read_key
from services.failover_monitor.redirection.hook import HookMethod
from services.failover_monitor.redirection.redirector import Method, Redirector, Surroundings
from services.failover_monitor.redirection.shared_ip import SharedIpMethod
from services.failover_monitor.settings import MonitorSettings
from services.failover_monitor.space import Space
from services.failover_monitor.store import BucketProbe, JetStreamLease, Seal
from services.failover_monitor.switchover import Switchover
from services.failover_monitor.upkeep import Upkeep
from services.failover_monitor.work import Voice, Work
from shared.clusterlog.log import ClusterLog
from shared.documents.redirection import RedirectionMethod
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
    """Everything of the failover monitor, wired; nothing of it runs yet.

    Raises:
        BadSettings: a key or a file is missing or damaged.
    """
    context = build_context(settings, "failover_monitor", clock)
    timing = PRESETS[settings.timing]
    link, system = build_links(settings, context)
    database = Database(settings.database)
    monitor = build_monitor(context, timing)
    versions = Versions(context.process.version)
    work = build_work(context, monitor, link, database, versions)
    redirector = build_redirector(settings, context, monitor, database)
    handlers = Handlers(
        monitor, settings.node, context.keys.trust, clock, redirector.status, versions
    )
    switchover = Switchover(
        *(monitor, work, context.bus.publisher, clock),
        Holder(settings.node, context.process.identity.instance),
        kernel_boot_id(),
        context.keys.node_key,
        context.keys.trust,
    )
    context.bus.broker.include_router(router(handlers, settings.node))
    context.bus.broker.include_router(orders(Orders(switchover), settings.node))
    word = build_word(context, monitor, link, timing)
    context.bus.broker.include_router(promises(word, settings.node))
    upkeep = Upkeep(context.process, context.bus.publisher, clock, monitor, handlers, timing)
    work.on_taken += [upkeep.on_taken, redirector.on_taken]
    leaders = Leaders(link.client, system.client, settings.node, settings.witness)

    async def keep_space_known() -> None:
        await upkeep.keep_space_known(
            Space(system.client, context.bus.events, context.telemetry.registry)
        )

    tasks: list[Task] = [link.run, work.run, Watchdog(lambda: work.granted_until, clock).run]
    workers: dict[str, Task] = {
        "heartbeat": partial(upkeep.beat, context.telemetry.health),
        "redirection": redirector.run,
        "streams": partial(upkeep.keep_streams, link.client, settings.nats_replicas),
        "leaders": partial(upkeep.keep_leaders, leaders),
    }
    if settings.nats_system_user:
        tasks += [system.run]
        workers |= {"space": keep_space_known}
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
    """The connection for lease and log, and the one of the system account."""
    password = settings.system_password()
    system = NatsAccess(settings.nats_servers, settings.nats_system_user, password)
    return (
        context.bus.build_connection(LEASE),
        context.bus.build_connection(SYSTEM, system),
    )


def build_monitor(context: ServiceContext, timing: Timing) -> Monitor:
    """The core; the first of the masters need not wait for the others at the very first start."""
    identity = context.process.identity
    first = min(context.keys.trust.masters, default=identity.node)
    head_start = 0.0 if identity.node == first else timing.ttl_seconds
    return Monitor(Holder(identity.node, identity.instance), timing, head_start)


def build_work(
    context: ServiceContext,
    monitor: Monitor,
    link: DedicatedConnection,
    database: Database,
    versions: Versions,
) -> Work:
    """The core's hands: the key, the look at this master, and its voice."""
    node, trust, boot_id = context.process.identity.node, context.keys.trust, kernel_boot_id()
    timing = PRESETS[context.settings.timing]
    store = JetStreamLease(
        link.client,
        Seal(node, context.keys.node_key, trust),
        timing.renew_seconds,
        context.security.rejections.record,
    )
    log = ClusterLog(link.client, trust.log_generation)
    examiner = Examiner((node, boot_id), MasterState(database), log, trust, versions)
    others = Promises(node, trust, context.bus.publisher, examiner, timing.renew_seconds)
    voice = Voice(node, boot_id, context.bus.publisher, context.bus.events, others)
    return Work(monitor, store, examiner, voice, context.clock, context.faults.containment)


def build_word(
    context: ServiceContext, monitor: Monitor, link: DedicatedConnection, timing: Timing
) -> Word:
    """What this master promises to a primary that cannot renew its lease."""
    bucket = BucketProbe(link.client, context.process.identity.node, timing.probe_seconds)
    return Word(monitor.giver, bucket, context.keys.node_key, context.keys.trust, context.clock)


def build_redirector(
    settings: MonitorSettings, context: ServiceContext, monitor: Monitor, database: Database
) -> Redirector:
    """What leads the site's address here; beside the lease and never in its way."""
    around = Surroundings(
        context.process.identity.node,
        monitor,
        MasterState(database),
        context.bus.events,
        context.clock,
        context.telemetry.registry,
        context.faults.containment,
    )
    hook = HookMethod(settings.hook_command(), settings.webhook_key())
    dns = DnsMethod(read_key(settings.dns_key()))
    timing = PRESETS[settings.timing]
    shared_ip = SharedIpMethod(monitor, context.clock, timing.renew_seconds)
    methods: dict[RedirectionMethod, Method] = {
        RedirectionMethod.HOOK: hook,
        RedirectionMethod.DNS: dns,
        RedirectionMethod.SHARED_IP: shared_ip,
    }
    return Redirector(around, methods)
