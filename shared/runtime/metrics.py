"""Each service's own small HTTP server: `/metrics`, `/healthz`, `/readyz`.

It listens before anything else is connected, so that "not ready, because" can always be asked.
"""

import asyncio
import json
from typing import Final

from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry, generate_latest

from shared.domain.errors import BadSettings
from shared.runtime.health import Health

REQUEST_SECONDS: Final = 5.0
LONGEST_HEAD: Final = 8_192


class MetricsServer:
    """Serves one process's health and metrics."""

    def __init__(self, registry: CollectorRegistry, health: Health) -> None:
        self._registry = registry
        self._health = health
        self._server: asyncio.Server | None = None
        self._open: set[asyncio.StreamWriter] = set()

    async def start(self, host: str, port: int) -> int:
        """Listen; the port, which the kernel chose when *port* is 0.

        Raises:
            BadSettings: the port is in use.
        """
        try:
            self._server = await asyncio.start_server(
                self._serve, host, port, limit=LONGEST_HEAD, reuse_address=True
            )
        except OSError as error:
            raise BadSettings(
                f"cannot listen on {host}:{port} (MERIDIAN_METRICS_PORT): {error.strerror}"
            ) from error
        chosen: int = self._server.sockets[0].getsockname()[1]
        return chosen

    async def stop(self) -> None:
        if self._server is not None:
            self._server.close()
            for writer in self._open:
                writer.close()  # a caller that never asks would be waited for
            await self._server.wait_closed()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._open.add(writer)
        try:
            async with asyncio.timeout(REQUEST_SECONDS):
                head = await reader.readuntil(b"\r\n\r\n")
                status, kind, body = self._answer(head.split(b"\r\n", 1)[0].decode("latin-1"))
                writer.write(
                    f"HTTP/1.1 {status}\r\nContent-Type: {kind}\r\n"
                    f"Content-Length: {len(body)}\r\nConnection: close\r\n\r\n".encode()
                    + body
                )
                await writer.drain()
        except (OSError, TimeoutError, asyncio.IncompleteReadError, asyncio.LimitOverrunError):
            pass  # whoever asked is gone, or asked nothing
        finally:
            self._open.discard(writer)
            writer.close()

    def _answer(self, line: str) -> tuple[str, str, bytes]:
        method, _, rest = line.partition(" ")
        if method != "GET":
            return "405 Method Not Allowed", "text/plain", b"only GET\n"
        reasons = self._health.reasons()
        match rest.partition(" ")[0].partition("?")[0]:
            case "/metrics":
                return "200 OK", CONTENT_TYPE_LATEST, generate_latest(self._registry)
            case "/healthz":
                return "200 OK", "application/json", b'{"ok":true}'
            case "/readyz":
                body = json.dumps({"ready": not reasons, "reasons": reasons}).encode()
                status = "503 Service Unavailable" if reasons else "200 OK"
                return status, "application/json", body
            case _:
                return "404 Not Found", "text/plain", b"not found\n"
