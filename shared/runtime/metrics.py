"""Each service's own small HTTP server: `/metrics`, `/healthz`, `/readyz`.

It listens before anything else is connected, so that "not ready, because" can always be asked.
uvicorn's protocol over h11 speaks HTTP; its server is not used, because it would wake the process
ten times a second. A client that is slow or hostile costs little: a connection carries one request,
ends within seconds whatever happens, and there are few at a time.
"""

import asyncio
import json
import logging
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any, Final

from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry, generate_latest
from uvicorn.config import Config
from uvicorn.protocols.http.h11_impl import H11Protocol
from uvicorn.server import ServerState

from shared.domain.errors import BadSettings
from shared.runtime.health import Health

REQUEST_SECONDS: Final = 5.0
"""How long a connection lasts, from its first byte to the last one of the answer."""

LONGEST_HEAD_BYTES: Final = 8_192
CONNECTIONS: Final = 64
"""Connections at a time; one more closes the oldest, so silent clients keep nobody out."""

JSON: Final = "application/json"
TEXT: Final = "text/plain"

Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
Answer = tuple[int, str, bytes]


class StatusApp:
    """The ASGI application that answers questions about a process from outside."""

    def __init__(self, registry: CollectorRegistry, health: Health) -> None:
        self._registry = registry
        self._health = health

    async def __call__(self, scope: Message, receive: Receive, send: Send) -> None:
        del receive  # no request here has a body that matters
        assert scope["type"] == "http", "the server offers nothing else"
        status, kind, body = self.answer(scope["method"], scope["path"])
        headers = [
            (b"content-type", kind.encode()),
            (b"content-length", str(len(body)).encode()),
            (b"connection", b"close"),
        ]
        await send({"type": "http.response.start", "status": status, "headers": headers})
        await send({"type": "http.response.body", "body": body})

    def answer(self, method: str, path: str) -> Answer:
        """The status, the content type and the body."""
        if method != "GET":
            return 405, TEXT, b"only GET\n"
        match path:
            case "/metrics":
                return 200, CONTENT_TYPE_LATEST, generate_latest(self._registry)
            case "/healthz":
                return 200, JSON, b'{"ok":true}'
            case "/readyz":
                reasons = self._health.reasons()
                found = {"ready": not reasons, "reasons": reasons}
                body = json.dumps({**found, "warnings": self._health.warnings()}).encode()
                return (503 if reasons else 200), JSON, body
            case _:
                return 404, TEXT, b"not found\n"


class LimitedProtocol(H11Protocol):
    """One connection: it is closed after some seconds, and earlier when too many came after it."""

    deadline: asyncio.TimerHandle

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        self.deadline = self.loop.call_later(REQUEST_SECONDS, transport.abort)
        if len(self.connections) > CONNECTIONS:
            others = (each for each in self.connections if isinstance(each, LimitedProtocol))
            oldest = min(others, key=lambda each: each.deadline.when())
            self.connections.discard(oldest)  # the transport reports its end later
            oldest.transport.abort()

    def connection_lost(self, exc: Exception | None) -> None:
        self.deadline.cancel()
        super().connection_lost(exc)


class MetricsServer:
    """Serves one process's health and metrics."""

    def __init__(self, registry: CollectorRegistry, health: Health) -> None:
        self._config = Config(
            StatusApp(registry, health),
            ws="none",
            lifespan="off",
            log_config=None,
            access_log=False,
            proxy_headers=False,
            server_header=False,
            date_header=False,
            h11_max_incomplete_event_size=LONGEST_HEAD_BYTES,
        )
        self._state = ServerState()
        self._server: asyncio.Server | None = None
        self._log = logging.getLogger("meridian.metrics")

    async def start(self, host: str, port: int) -> int:
        """Listen, and return the port, which the kernel chose when *port* is 0.

        Raises:
            BadSettings: the port is in use.
        """
        self._config.load()
        self._log.setLevel(logging.ERROR)  # malformed requests of strangers would fill the log
        loop = asyncio.get_running_loop()
        try:
            self._server = await loop.create_server(
                self._build_protocol, host, port, reuse_address=True
            )
        except OSError as error:
            raise BadSettings(
                f"cannot listen on {host}:{port} (MERIDIAN_METRICS_PORT): {error.strerror}"
            ) from error
        chosen: int = self._server.sockets[0].getsockname()[1]
        return chosen

    async def stop(self) -> None:
        """Close the port and every connection."""
        if self._server is None:
            return
        self._server.close()
        for connection in tuple(self._state.connections):
            connection.transport.abort()  # a client that never asks would be waited for
        await self._server.wait_closed()

    @property
    def connections(self) -> int:
        """Count the open connections."""
        return len(self._state.connections)

    def _build_protocol(self) -> LimitedProtocol:
        protocol = LimitedProtocol(self._config, self._state, {})
        protocol.logger = self._log
        return protocol
