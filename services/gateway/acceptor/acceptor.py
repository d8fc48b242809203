"""The gateway's acceptor: it bounds connections and gives them to uvicorn's protocol.

uvicorn's own server is not used: it sees a connection only after the TLS handshake, and its fast
protocol has no limit for a header, a body or the time that they take. Here each connection is
counted before a byte of it is read, and a sweep ends what takes too long.
"""

import asyncio
import logging
import socket
from dataclasses import dataclass, field, replace
from email.utils import formatdate
from pathlib import Path
from typing import Final

from uvicorn.config import Config
from uvicorn.server import ServerState

from services.gateway.acceptor.asgi import App
from services.gateway.acceptor.connection import Connection, Shared
from services.gateway.acceptor.core.limits import ConnectionLimits, Refusal
from services.gateway.acceptor.refusals import Refusals
from services.gateway.acceptor.tls import ReadBuffer, build_tls_context
from shared.domain.source import ConnectionCounts, ExceededLimit, Networks, parse_address, source_of
from shared.runtime.accepting import Listener, raise_descriptor_limit
from shared.runtime.clock import Clock
from shared.runtime.containment import Containment
from shared.runtime.listening import ListenSetting, open_listeners, show_addresses

OWN_DESCRIPTORS: Final = 256
"""Files and connections of the process itself, which clients must not take away."""

LONGEST_MESSAGE_BYTES: Final = 64 * 1024
"""A WebSocket message of a client; the routes know smaller limits."""

PING_SECONDS: Final = 5.0
_LOG: Final = logging.getLogger("meridian.acceptor")

REASONS: Final = {
    ExceededLimit.SOURCE: Refusal.SOURCE_FULL,
    ExceededLimit.TOTAL: Refusal.FULL,
}


@dataclass(frozen=True)
class AcceptorSetting:
    """Where the acceptor listens, the files of its certificate and key, and its limits.

    Connections from *proxies* begin with a PROXY header. Those from *trusted*, which forward
    HTTP, and from *proxies* speak for many clients: the limit of one source is none for them.
    """

    listen: ListenSetting
    certificate: tuple[Path, Path]
    proxies: Networks = field(default_factory=Networks)
    trusted: Networks = field(default_factory=Networks)
    limits: ConnectionLimits = field(default_factory=ConnectionLimits)


class HttpsAcceptor:
    """Serves *app* until cancelled."""

    def __init__(
        self,
        app: App,
        setting: AcceptorSetting,
        refusals: Refusals,
        clock: Clock,
        containment: Containment,
    ) -> None:
        self._setting = setting
        self._refusals = refusals
        limits = _affordable(setting.limits)
        self._counts = ConnectionCounts(
            per_source=limits.connections_per_source, total=limits.connections
        )
        self._connections: set[Connection] = set()
        self._listeners: tuple[Listener, ...] = ()
        self._shared = Shared(
            table=self,
            limits=limits,
            clock=clock,
            tls=build_tls_context(*setting.certificate),
            buffer=ReadBuffer(),
            config=_build_config(app, limits),
            state=ServerState(),
            containment=containment,
        )

    async def listen(self) -> None:
        """Listen and serve until cancelled.

        Raises:
            BadSettings: an address is not this machine's, or its port is in use.
        """
        self.open(open_listeners(self._setting.listen))
        await self.serve()

    def open(self, sockets: tuple[socket.socket, ...]) -> None:
        """Accept from *sockets*."""
        loop = asyncio.get_running_loop()
        self._listeners = tuple(Listener(loop, each, self) for each in sockets)
        for listener in self._listeners:
            listener.open()
        _LOG.info("the acceptor listens on %s", show_addresses(sockets))

    async def serve(self) -> None:
        """Keep the limits of what was accepted, until cancelled; then end everything."""
        # Malformed requests, of whoever: they are counted, and would fill the log.
        logging.getLogger("uvicorn.error").setLevel(logging.ERROR)
        try:
            while True:
                self._sweep()
                await asyncio.sleep(self._shared.limits.sweep_seconds)
        finally:
            self.close()

    def close(self) -> None:
        """End everything at once."""
        for listener in self._listeners:
            listener.close()
        for connection in tuple(self._connections):
            connection.abort()
        for task in tuple(self._shared.state.tasks):
            task.cancel()

    def _sweep(self) -> None:
        clock, state = self._shared.clock, self._shared.state
        state.default_headers = [
            (b"date", formatdate(clock.unix_ms() / 1_000, usegmt=True).encode())
        ]
        now = clock.now()
        for connection in tuple(self._connections):
            try:
                connection.sweep(now)
            except Exception as error:  # noqa: BLE001 - it concerns this connection alone
                self._shared.containment.fault("connection", connection.source, error)
                connection.abort()

    def on_connection(self, connection: socket.socket, peer: tuple[str, int]) -> None:
        """Take in a connection that was accepted, or close it when there are too many."""
        address = str(parse_address(peer[0]) or peer[0])
        source, setting = source_of(address), self._setting
        is_proxy = address in setting.proxies
        exceeded = self._counts.add(source, is_proxy=is_proxy or address in setting.trusted)
        if exceeded is not None:
            self._refusals.record(REASONS[exceeded], source)
            connection.close()
            return
        accepted = Connection(
            self._shared, connection, (address, peer[1]), source, is_proxy=is_proxy
        )
        self._connections.add(accepted)
        self._refusals.open.set(len(self._connections))
        accepted.begin()

    def on_exhausted(self) -> bool:
        """Take note that no descriptor is free; the listener pauses."""
        self._refusals.record(Refusal.FULL, "every source: no file descriptor is free")
        return False

    def identify(self, connection: Connection, address: str) -> bool:
        """Count *connection* for *address* instead of its proxy; False when that has too many."""
        source = source_of(address)
        self._counts.remove(connection.source)
        if self._counts.add(source, is_proxy=address in self._setting.trusted) is not None:
            self._counts.add(connection.source, is_proxy=True)
            return False
        connection.source = source
        return True

    def on_refused(self, connection: Connection, reason: Refusal) -> None:
        self._refusals.record(reason, connection.source)

    def forget(self, connection: Connection) -> None:
        """Count *connection* no more."""
        if connection in self._connections:
            self._connections.discard(connection)
            self._counts.remove(connection.source)
            self._refusals.open.set(len(self._connections))


def _affordable(limits: ConnectionLimits) -> ConnectionLimits:
    """Return *limits* with no more connections than there are descriptors for."""
    total = max(1, min(limits.connections, raise_descriptor_limit() - OWN_DESCRIPTORS))
    per_source = min(limits.connections_per_source, total)
    return replace(limits, connections=total, connections_per_source=per_source)


def _build_config(app: App, limits: ConnectionLimits) -> Config:
    """Build the settings of uvicorn's protocols; what the acceptor does itself is off."""
    config = Config(
        app,
        http="httptools",
        ws="websockets-sansio",
        ws_max_size=LONGEST_MESSAGE_BYTES,
        ws_ping_interval=PING_SECONDS,
        ws_ping_timeout=PING_SECONDS,
        ws_per_message_deflate=False,
        lifespan="off",
        log_config=None,
        access_log=False,
        proxy_headers=False,
        server_header=False,
        timeout_keep_alive=int(2 * limits.idle_seconds) + 1,
    )
    config.load()
    return config
