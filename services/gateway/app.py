"""The composition root of the gateway: the one place that knows all of its parts."""

import asyncio
from dataclasses import dataclass

from fastapi import FastAPI
from faststream import FastStream

import services.gateway.access.routes as login
import services.gateway.appliances.routes as appliance_routes
import services.gateway.backups.routes as backup_routes
import services.gateway.conflicts.routes as conflict_routes
from services.gateway.acceptor.acceptor import AcceptorSetting, HttpsAcceptor
from services.gateway.acceptor.asgi import GuardedApi
from services.gateway.acceptor.certificate import write_certificate
from services.gateway.acceptor.core.limits import ConnectionLimits
from services.gateway.acceptor.refusals import Refusals
from services.gateway.access.accounts import Accounts
from services.gateway.access.address_limits import AddressLimits
from services.gateway.access.audit_log import AuditLog
from services.gateway.access.gateway_urls import GatewayUrls
from services.gateway.access.passwords import Passwords
from services.gateway.access.sign_ins import SignIns, Sleep
from services.gateway.appliances.appliances import Appliances
from services.gateway.backups.backups import BackupFiles
from services.gateway.backups.snapshots import MasterSnapshots, SnapshotObjects, Verify
from services.gateway.cluster.clock_reader import ClockReader
from services.gateway.cluster.cluster import Cluster
from services.gateway.cluster.core.observed import Observed
from services.gateway.cluster.failover import FailoverService
from services.gateway.cluster.local_health import LocalHealth
from services.gateway.cluster.routes import cluster, failover, health, status_history
from services.gateway.cluster.status_history import StatusHistoryReader
from services.gateway.cluster.status_notifier import StatusNotifier
from services.gateway.cluster.sync import FollowerSync
from services.gateway.configuration.editor import Editor
from services.gateway.configuration.proposals import Proposals
from services.gateway.configuration.reader import ConfigurationReader
from services.gateway.configuration.routes import apply, documents, history, webhooks
from services.gateway.configuration.verification import LogCopies
from services.gateway.configuration.webhooks import Webhooks
from services.gateway.conflicts.conflicts import MastersConflicts
from services.gateway.conflicts.resolution import Resolution
from services.gateway.handlers import Handlers, router
from services.gateway.http.graceful_stop import GracefulStop, RequestsInFlight
from services.gateway.http.problems import RESPONSES, answer_with_problems
from services.gateway.http.provided import provide
from services.gateway.placement.probing import ProbePlanner
from services.gateway.placement.routes import probes, rehearsal, selection
from services.gateway.placement.selector import SelectorClient
from services.gateway.sessions.attachments import Attachments
from services.gateway.sessions.credentials import CredentialsIssuer
from services.gateway.sessions.queues import Queues
from services.gateway.sessions.reaper import SeenNodes, SessionReaper
from services.gateway.sessions.relay_closing import RelayClosing
from services.gateway.sessions.routes import channel, queue, sessions
from services.gateway.sessions.routes.channel import ControlChannels
from services.gateway.sessions.sessions import Sessions
from services.gateway.sessions.store import JetStreamSessions, SessionStore
from services.gateway.sessions.tickets import Tickets
from services.gateway.sessions.view import SessionsView
from services.gateway.sessions.watch import SessionWatch
from services.gateway.settings import GatewaySettings
from shared.api.call import API
from shared.clusterlog.snapshots import SnapshotStore
from shared.crypto.keyring import KeyRing
from shared.crypto.sealing import SECRET_FILE, SiteSecret
from shared.domain.clock_offset import ClockOffsets
from shared.domain.ids import ClusterId, NodeId
from shared.messaging.ports import Asks, Emits
from shared.runtime.clock import Clock, kernel_boot_id
from shared.runtime.containment import Containment
from shared.runtime.context import ServiceContext, build_context
from shared.runtime.directory import Directory
from shared.runtime.grant import GrantHolder
from shared.runtime.health import Health
from shared.runtime.service import Service
from shared.runtime.watchdog import Watchdog


@dataclass(frozen=True)
class Outside:
    """The ports through which the gateway reaches what is outside its process; tests use twins."""

    clock: Clock
    publisher: Asks
    events: Emits
    sessions: SessionStore
    snapshots: SnapshotObjects
    verify: Verify
    sleep: Sleep


@dataclass(frozen=True)
class Secrets:
    """The keys of the cluster *cluster_id* and of the site, and the passwords sealed with them."""

    cluster_id: ClusterId
    keyring: KeyRing
    site: SiteSecret
    passwords: Passwords


@dataclass(frozen=True)
class AppState:
    """The state of one gateway: documents, sessions, heartbeats, clocks, grant and health."""

    directory: Directory
    view: SessionsView
    observed: Observed
    offsets: ClockOffsets
    grant: GrantHolder
    health: Health
    containment: Containment


class Gateway:
    """The application services of the gateway on *node*, wired; nothing of them runs yet.

    *provided* are those that routes name in their signatures.
    """

    def __init__(self, node: NodeId, outside: Outside, secrets: Secrets, state: AppState) -> None:
        publisher, clock, directory = outside.publisher, outside.clock, state.directory
        audit, urls = AuditLog(outside.events), GatewayUrls(node, directory)
        reader, proposals = ConfigurationReader(publisher), Proposals(publisher, clock)
        editor = Editor(reader, proposals, secrets.passwords)
        conflicts = MastersConflicts(publisher, directory)
        resolution = Resolution(conflicts, reader, proposals, secrets.passwords, audit, publisher)
        selector = SelectorClient(publisher, directory, reader)
        relays = RelayClosing(publisher, clock, state.containment)
        self.proposals, self.requests = proposals, RequestsInFlight()
        sign_ins = SignIns(clock, outside.sleep)
        self.accounts = Accounts(
            reader.user, secrets.passwords, secrets.site, clock, outside.events, sign_ins
        )
        self.sessions = Sessions(
            outside.sessions, state.view, selector, relays, outside.events, directory, clock
        )
        self.tickets = Tickets(secrets.keyring)
        self.cluster = Cluster(node, directory, state.observed, state.offsets, clock)
        self.local = LocalHealth(node, state.health, state.grant, clock)
        self.backups = build_backups(editor, conflicts, outside, secrets, directory)
        failover = FailoverService(publisher, self.cluster, audit)
        limits = AddressLimits(clock)
        self.attachments = Attachments(node, self.sessions, state.containment)
        self.channels = ControlChannels(
            *(self.accounts, limits.wrong_tokens, self.sessions),
            *(self.attachments, self.tickets, state.containment),
        )
        self.provided: tuple[object, ...] = (
            *(self.accounts, limits, audit, urls),
            CredentialsIssuer(self.accounts, urls, clock),
            *(reader, editor, LogCopies(node, publisher, directory), conflicts, resolution),
            Webhooks(reader, publisher, secrets.site.webhook_secret),
            *(selector, ProbePlanner(publisher, directory, secrets.keyring, clock)),
            *(self.sessions, Queues(reader, self.sessions, clock), self.channels),
            *(self.cluster, self.local, failover, FollowerSync(publisher, directory, audit)),
            *(StatusHistoryReader(publisher), Appliances(self.cluster, failover, self.local)),
            self.backups,
        )


def build_backups(
    editor: Editor,
    conflicts: MastersConflicts,
    outside: Outside,
    secrets: Secrets,
    directory: Directory,
) -> BackupFiles:
    """Build the backups over the *editor* that restores one, and the *conflicts* in one."""
    return BackupFiles(
        snapshots=MasterSnapshots(outside.publisher, outside.snapshots, outside.verify),
        conflicts=conflicts,
        directory=directory,
        editor=editor,
        passwords=secrets.passwords,
        cluster_id=secrets.cluster_id,
        own_key=secrets.site.backup_key,
        clock=outside.clock,
    )


def build_app(settings: GatewaySettings, *, clock: Clock) -> Service:
    """Build everything of the gateway; nothing of it runs yet.

    Raises:
        BadSettings: a key or a file is missing or damaged.
    """
    context = build_context(settings, "gateway", clock)
    link, security = context.bus.build_connection("sessions"), context.security
    store = JetStreamSessions(link.client, security.signer, security.verifier, security.rejections)
    outside = Outside(
        clock=clock,
        publisher=context.bus.publisher,
        events=context.bus.events,
        sessions=store,
        snapshots=SnapshotStore(link.client),
        verify=context.keys.trust.verify,
        sleep=asyncio.sleep,
    )
    secret = SiteSecret.load(settings.state_dir / SECRET_FILE)
    secrets = Secrets(
        context.keys.trust.cluster_id, context.keys.keyring, secret, Passwords(secret)
    )
    state = AppState(
        directory=Directory(context.bus.publisher, overrides=True),
        view=SessionsView(),
        observed=Observed(),
        offsets=security.clocks,
        grant=GrantHolder(settings.node, kernel_boot_id()),
        health=context.telemetry.health,
        containment=context.faults.containment,
    )
    gateway = Gateway(settings.node, outside, secrets, state)
    handlers = Handlers(state.observed, state.directory, state.grant, gateway.proposals, clock)
    context.bus.broker.include_router(router(handlers, settings.node))
    acceptor = build_acceptor(settings, build_api(gateway), context)
    return Service(
        FastStream(context.bus.broker, logger=None),
        context,
        tasks=(
            acceptor.listen,
            link.run,
            Watchdog(lambda: state.grant.valid_until, clock).run,
        ),
        workers={
            "sessions": SessionWatch(store, state.view, state.health).run,
            "expiry": build_reaper(gateway, state).run,
            "node states": StatusNotifier(gateway.cluster, gateway.local, context.bus.events).run,
            "clocks": ClockReader(gateway.cluster, context.bus.publisher).run,
            "directory": state.directory.run,
        },
        ending=(gateway.requests.end,),
    )


def build_reaper(gateway: Gateway, state: AppState) -> SessionReaper:
    """Build the session reaper, which sees nodes as their heartbeats show them."""

    def relay_since(node: NodeId) -> int:
        heard = state.observed.last_heartbeat(node, "relay")
        return 0 if heard is None else heard.heartbeat.started_unix_ms

    seen = SeenNodes(gateway.cluster.seems_alive, relay_since)
    return SessionReaper(gateway.sessions, gateway.attachments, state.directory, seen)


def build_api(gateway: Gateway) -> FastAPI:
    """Build the HTTP API over the application services of *gateway*."""
    api = FastAPI(
        title="Meridian",
        version="1",
        description="The API of a Meridian site: configuration, sessions, the cluster.",
        docs_url=None,
        redoc_url=None,
        responses=RESPONSES,
    )
    api.add_middleware(GracefulStop, requests=gateway.requests)
    provide(api, *gateway.provided)
    answer_with_problems(api)
    areas = (
        *(login, probes, sessions, queue, channel, cluster, selection, rehearsal),
        *(appliance_routes, failover, conflict_routes, history, status_history, backup_routes),
        *(webhooks, apply, documents),
    )
    for area in areas:
        api.include_router(area.router, prefix=API)
    api.include_router(appliance_routes.commands)
    api.include_router(health.router)
    return api


def build_acceptor(
    settings: GatewaySettings, api: FastAPI, context: ServiceContext
) -> HttpsAcceptor:
    """Build the front door of *api* with a fresh certificate of the site's own authority.

    Raises:
        BadSettings: the authority's files cannot be read.
    """
    setting = AcceptorSetting(
        settings.listen,
        write_certificate(settings.state_dir, settings.certificate_names),
        settings.proxy_protocol_from,
        settings.trusted_proxies,
        ConnectionLimits(
            connections=settings.gateway_connections,
            connections_per_source=settings.gateway_connections_per_source,
        ),
    )
    return HttpsAcceptor(
        GuardedApi(api, settings.trusted_proxies, settings.site_host),
        setting,
        Refusals(context.telemetry.registry, context.clock),
        context.clock,
        context.faults.containment,
    )
