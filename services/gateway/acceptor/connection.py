"""One accepted connection: its greeting, its TLS, its requests, and the end of each in time."""

import asyncio
import socket
import ssl
from dataclasses import dataclass
from typing import Final, Protocol

from uvicorn.config import Config
from uvicorn.server import ServerState

from services.gateway.acceptor.core.limits import ConnectionLimits, Refusal
from services.gateway.acceptor.core.pace import AnswerPace
from services.gateway.acceptor.core.requests import TIMEOUTS as REQUEST_TIMEOUTS
from services.gateway.acceptor.core.requests import RequestPhase
from services.gateway.acceptor.core.stages import TIMEOUTS, ConnectionStages, Stage
from services.gateway.acceptor.greeting import Greeting
from services.gateway.acceptor.http_protocol import HttpProtocol
from services.gateway.acceptor.tls import ReadBuffer, TlsProtocol
from services.gateway.acceptor.transport import Address, ClientTransport
from shared.domain.ids import Instant
from shared.domain.source import parse_address
from shared.runtime.clock import Clock
from shared.runtime.containment import Containment, ignore_fault
from shared.wire.proxy_protocol import BadProxyHeader, ProxyHeader

WAITING_BYTES: Final = 64 * 1024
"""An answer that is written in parts waits for its reader when so much of it is not sent yet."""


class ConnectionTable(Protocol):
    """Keeps the connections, and counts them by source."""

    def identify(self, connection: "Connection", address: str) -> bool:
        """Count *connection* for *address*, which its proxy named; False when that is full."""
        ...

    def on_refused(self, connection: "Connection", reason: Refusal) -> None: ...
    def forget(self, connection: "Connection") -> None: ...


@dataclass(frozen=True)
class Shared:
    """What all connections of an acceptor have in common."""

    table: ConnectionTable
    limits: ConnectionLimits
    clock: Clock
    tls: ssl.SSLContext
    buffer: ReadBuffer
    config: Config
    state: ServerState
    containment: Containment


class Connection:
    """A connection of *peer*; *source* is what it is counted for."""

    __slots__ = (
        *("source", "limits", "_shared", "_socket", "_client", "_server", "_stages", "_greeting"),
        *("_raw", "_transport", "_http", "_pace", "_loop"),
    )

    def __init__(
        self, shared: Shared, accepted: socket.socket, peer: Address, source: str, *, is_proxy: bool
    ) -> None:
        self.source = source
        self.limits = shared.limits
        self._shared = shared
        self._socket = accepted
        self._client = peer
        self._server: Address = accepted.getsockname()[:2]
        self._stages = ConnectionStages(shared.limits, shared.clock.now())
        self._greeting = Greeting(accepted, expects_header=is_proxy)
        self._raw: asyncio.Transport | None = None
        self._transport: ClientTransport | None = None
        self._http: HttpProtocol | None = None
        self._pace = AnswerPace(shared.limits.answer)
        self._loop = asyncio.get_running_loop()

    def begin(self) -> None:
        """Wait for the first byte."""
        self._loop.add_reader(self._socket.fileno(), self._on_readable)

    def now(self) -> Instant:
        return self._shared.clock.now()

    def _on_readable(self) -> None:
        try:
            self._greeting.read()
        except BlockingIOError:
            return
        except BadProxyHeader:
            self._refuse(Refusal.BAD_PROXY_HEADER)
        except OSError:
            self.abort()
        else:
            self._on_greeted(self._greeting.header)

    def _on_greeted(self, header: ProxyHeader | None) -> None:
        self._loop.remove_reader(self._socket.fileno())
        if header is not None and header.address is not None:
            address = str(parse_address(header.address) or header.address)
            self._client = address, header.port or 0
            if not self._shared.table.identify(self, address):
                self._refuse(Refusal.SOURCE_FULL)
                return
        self._stages.enter(Stage.HANDSHAKE, self.now())
        self._shared.containment.start("connection", self.source, self._secure(), ignore_fault)

    async def _secure(self) -> None:
        """Give the socket to TLS, which gives what it reads to HTTP."""
        self._http = HttpProtocol(self._shared.config, self._shared.state, self)
        tls = TlsProtocol(
            self._shared.tls, self._shared.buffer, self._http, self.limits, self._on_lost
        )
        try:
            raw, _ = await self._loop.connect_accepted_socket(lambda: tls, self._socket)
        except OSError:  # the peer left in this moment
            self._close_socket()
            return
        self._raw = raw
        if self._stages.stage is Stage.CLOSING:
            raw.abort()

    def on_secured(self, transport: asyncio.Transport) -> asyncio.Transport:
        """Take the transport that TLS made; return the one that names the client."""
        self._stages.enter(Stage.SERVING, self.now())
        transport.set_write_buffer_limits(WAITING_BYTES)
        self._transport = ClientTransport(transport, self._client, self._server, self)
        return self._transport

    def on_upgraded(self) -> None:
        """Go on as a WebSocket; what HTTP needed is of no more use."""
        if self._stages.stage is Stage.SERVING:
            self._stages.enter(Stage.UPGRADED, self.now())
            self._http = None

    def on_paused(self) -> None:
        if self._http is not None:
            self._http.progress.pause(self.now())

    def on_resumed(self) -> None:
        if self._http is not None:
            self._http.progress.resume(self.now())

    def on_closing(self) -> None:
        self._stages.enter(Stage.CLOSING, self.now())

    def on_refused(self, reason: Refusal) -> None:
        self._shared.table.on_refused(self, reason)

    def _on_lost(self) -> None:
        if self._stages.stage is Stage.HANDSHAKE:
            self.on_refused(Refusal.HANDSHAKE_FAILED)
        self._shared.table.forget(self)

    def sweep(self, now: Instant) -> None:
        """End what has taken too long."""
        if self._reads_too_slowly(now):
            self._refuse(Refusal.SLOW_READER)
            return
        stage = self._stages.stage
        deadline = self._deadline()
        if deadline is None or now < deadline:
            return
        if stage is Stage.SERVING:
            self._end_request()
        elif stage in TIMEOUTS:
            self._refuse(TIMEOUTS[stage])
        else:
            self.abort()

    def _deadline(self) -> Instant | None:
        if self._stages.stage is Stage.SERVING and self._http is not None:
            return self._http.progress.deadline()
        return self._stages.deadline()

    def _end_request(self) -> None:
        http = self._http
        assert http is not None, "a connection that serves speaks HTTP"
        if http.progress.phase is RequestPhase.IDLE:
            http.transport.close()
        else:
            http.refuse(REQUEST_TIMEOUTS[http.progress.phase])

    def _reads_too_slowly(self, now: Instant) -> bool:
        if self._transport is None or self._raw is None:
            return False
        waiting = self._raw.get_write_buffer_size() + self._transport.get_write_buffer_size()
        return self._pace.is_too_slow(self._transport.written, waiting, now)

    def _refuse(self, reason: Refusal) -> None:
        self.on_refused(reason)
        self.abort()

    def abort(self) -> None:
        """End the connection at once; in the moment when TLS takes it over, a moment later."""
        was_greeting = self._stages.stage is Stage.GREETING
        self._stages.enter(Stage.CLOSING, self.now())
        if self._raw is not None:
            self._raw.abort()
        elif was_greeting:
            self._close_socket()

    def _close_socket(self) -> None:
        self._loop.remove_reader(self._socket.fileno())
        self._socket.close()
        self._shared.table.forget(self)
