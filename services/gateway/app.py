"""The composition root of the gateway: the one place that knows all of its parts."""

import socket
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

import uvicorn
from fastapi import FastAPI
from faststream import FastStream

from services.gateway.accounts import Accounts
from services.gateway.apply import Editor
from services.gateway.backups import Backups
from services.gateway.conflicts import MastersConflicts
from services.gateway.core.attempts import Attempts
from services.gateway.core.observed import Observed
from services.gateway.handlers import Handlers, router
from services.gateway.herald import Herald
from services.gateway.keeper import Keeper
from services.gateway.passwords import Passwords
from services.gateway.problems import RESPONSES, tell_problems
from services.gateway.proposals import Configuration
from services.gateway.routes import (
    appliances,
    backup,
    channel,
    cluster,
    conflicts,
    documents,
    failover,
    health,
    history,
    login,
    probes,
    queue,
    rehearsal,
    selection,
    sessions,
    status_history,
    webhooks,
)
from services.gateway.routes.door import Door
from services.gateway.sessions import Desk, Sessions
from services.gateway.settings import GatewaySettings
from services.gateway.store import JetStreamSessions, SessionStore
from services.gateway.view import SessionsView
from shared.api.call import API
from shared.clusterlog.snapshots import SnapshotStore
from shared.crypto.authority import issue_certificate
from shared.crypto.join import AUTHORITY_FILE, AUTHORITY_KEY_FILE
from shared.crypto.nodekeys import write_secret
from shared.crypto.sealing import SECRET_FILE, SiteSecret
from shared.domain.errors import BadSettings
from shared.runtime.clock import Clock, kernel_boot_id
from shared.runtime.context import ServiceContext, build_context
from shared.runtime.directory import Directory
from shared.runtime.grant import GrantHolder
from shared.runtime.service import Service
from shared.runtime.watchdog import Watchdog

BACKLOG: Final = 512
GUESSES: Final = 20
GUESS_WINDOW_SECONDS: Final = 60.0
"""Unknown nameplates that one address may try in a minute."""

ARRIVALS: Final = 30
"""Customers who may arrive from one address in a minute."""

PROBES: Final = 60
"""Endpoints that may ask from one address in a minute which relays to measure."""


def build_app(settings: GatewaySettings, *, clock: Clock) -> Service:
    """Everything of the gateway, wired; nothing of it runs yet.

    Raises:
        BadSettings: a key or a file is missing or damaged.
    """
    context = build_context(settings, "gateway", clock)
    link = context.bus.build_connection("sessions")
    store = JetStreamSessions(
        link.client, context.security.signer, context.security.verifier, context.security.rejections
    )
    door = build_door(settings, context, store, SnapshotStore(link.client))
    keeper, herald = Keeper(door, store), Herald(door)
    handlers = Handlers(door.observed, door.directory, door.grant, door.configuration, clock)
    context.bus.broker.include_router(router(handlers))
    front_door = _front_door(settings, build_api(door))
    return Service(
        FastStream(context.bus.broker, logger=None),
        context,
        tasks=(
            front_door.listen,
            link.run,
            Watchdog(lambda: door.grant.valid_until, clock).run,
        ),
        workers={
            "sessions": keeper.watch,
            "expiry": keeper.sweep,
            "node states": herald.run,
            "directory": door.directory.run,
        },
    )


def build_door(
    settings: GatewaySettings, context: ServiceContext, store: SessionStore, shelf: SnapshotStore
) -> Door:
    """The gateway's parts, as its routes use them."""
    clock, publisher = context.clock, context.bus.publisher
    secret = SiteSecret.load(settings.state_dir / SECRET_FILE)
    configuration, passwords = Configuration(publisher, clock), Passwords(secret)
    directory = Directory(publisher, overrides=True)
    editor, conflicts = Editor(configuration, passwords), MastersConflicts(publisher, directory)
    return Door(
        node=settings.node,
        clock=clock,
        publisher=publisher,
        events=context.bus.events,
        configuration=configuration,
        directory=directory,
        accounts=Accounts(configuration, passwords, secret, clock),
        editor=editor,
        sessions=Sessions(
            Desk(
                store,
                publisher,
                context.bus.events,
                context.keys.keyring,
                clock,
                context.faults.containment,
            )
        ),
        view=SessionsView(),
        observed=Observed(),
        grant=GrantHolder(settings.node, kernel_boot_id()),
        health=context.telemetry.health,
        containment=context.faults.containment,
        guesses=Attempts(limit=GUESSES, window_seconds=GUESS_WINDOW_SECONDS),
        arrivals=Attempts(limit=ARRIVALS, window_seconds=GUESS_WINDOW_SECONDS),
        probes=Attempts(limit=PROBES, window_seconds=GUESS_WINDOW_SECONDS),
        webhook_secret=secret.webhook_secret,
        conflicts=conflicts,
        backups=Backups(
            publisher=publisher,
            shelf=shelf,
            conflicts=conflicts,
            directory=directory,
            editor=editor,
            passwords=passwords,
            cluster_id=context.keys.trust.cluster_id,
            own_key=secret.backup_key,
            verify=context.keys.trust.verify,
        ),
    )


def build_api(door: Door) -> FastAPI:
    """The front door's HTTP over *door*."""
    api = FastAPI(
        title="Meridian",
        version="1",
        description="The front door of a Meridian site: configuration, sessions, the cluster.",
        docs_url=None,
        redoc_url=None,
        responses=RESPONSES,
    )
    api.state.door = door
    tell_problems(api)
    areas = (
        *(login, probes, sessions, queue, channel, cluster, selection, rehearsal, appliances),
        *(failover, conflicts, history, status_history, backup, webhooks, documents),
    )
    for area in areas:
        api.include_router(area.router, prefix=API)
    api.include_router(appliances.commands)
    api.include_router(health.router)
    return api


class FrontDoor(uvicorn.Server):
    """The HTTPS server; the service is told to stop, so signals are not this server's business."""

    @contextmanager
    def capture_signals(self) -> Generator[None]:
        yield

    async def listen(self) -> None:
        """Listen and serve until cancelled.

        Raises:
            BadSettings: the port is in use.
        """
        host, port = self.config.host, self.config.port
        try:
            listener = listening_socket(host, port)
        except OSError as error:
            raise BadSettings(
                f"cannot listen on {host}:{port} (MERIDIAN_GATEWAY_PORT): {error.strerror}"
            ) from error
        await self.serve(sockets=[listener])


def listening_socket(host: str, port: int) -> socket.socket:
    """A listening socket that names its protocol: asyncio switches Nagle's delay off only then.

    Raises:
        OSError: the port is in use.
    """
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    listener = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind((host, port))
        listener.listen(BACKLOG)
    except OSError:
        listener.close()
        raise
    return listener


def _front_door(settings: GatewaySettings, api: FastAPI) -> FrontDoor:
    certificate, key = _certificate(settings)
    return FrontDoor(
        uvicorn.Config(
            api,
            host=settings.gateway_host,
            port=settings.gateway_port,
            ssl_certfile=str(certificate),
            ssl_keyfile=str(key),
            log_config=None,
            access_log=False,
            lifespan="off",
            ws="websockets-sansio",
            ws_ping_interval=5.0,
            ws_ping_timeout=5.0,
            timeout_graceful_shutdown=2,
            server_header=False,
        )
    )


def _certificate(settings: GatewaySettings) -> tuple[Path, Path]:
    """A fresh certificate of the site's own authority for this front door."""
    folder = settings.state_dir
    try:
        authority = (folder / AUTHORITY_FILE).read_bytes()
        authority_key = (folder / AUTHORITY_KEY_FILE).read_bytes()
    except OSError as error:
        raise BadSettings(f"the site's certificate authority cannot be read: {error}") from error
    certificate, key = issue_certificate(authority, authority_key, settings.certificate_names)
    paths = folder / "gateway.pem", folder / "gateway.key"
    paths[0].write_bytes(certificate)
    write_secret(paths[1], key)
    return paths
