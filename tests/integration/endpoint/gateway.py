"""A fake gateway of one session for tests: it lets a customer join and offers paths on real relays.

It keeps the contract of the real gateway as far as endpoints see it, over plain HTTP.
"""

import asyncio
import contextlib
import json
import socket
from collections.abc import AsyncGenerator
from dataclasses import asdict, dataclass, field
from typing import Any

import uvicorn
from fastapi import FastAPI
from starlette.responses import JSONResponse
from starlette.websockets import WebSocket, WebSocketDisconnect

from shared.domain.node import Side
from tests.integration.tunnel.site import SESSION, Site


@dataclass
class FakeGateway:
    """The state of one session, and the requests of its ends."""

    relays: Site
    port: int = 0
    team: str | None = None
    closed: str | None = None
    close_reason: str = "closed_by_endpoint"
    seconds_left: float | None = None
    path_requests: int = 0
    first: int = 1
    probes: dict[str, Any] | None = None
    probe_requests: list[dict[str, Any]] = field(default_factory=list[dict[str, Any]])
    joined_with: list[dict[str, Any]] = field(default_factory=list[dict[str, Any]])
    joined: set[Side] = field(default_factory=lambda: {Side.REPRESENTATIVE})
    channels: dict[WebSocket, Side] = field(default_factory=dict[WebSocket, Side])

    @property
    def expires_unix_ms(self) -> int:
        """The end by the site's clock; it means little to an end whose clock shows another time."""
        return 10**13

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def credentials(self, side: Side) -> dict[str, Any]:
        return {
            "session": SESSION,
            "endpoint_token": f"token-of-{side}",
            "gateways": [self.url],
            "expires_unix_ms": self.expires_unix_ms,
            "seconds_left": self.seconds_left,
            "team": self.team,
        }

    async def send_state_to_all(self) -> None:
        for channel, side in list(self.channels.items()):
            await self.send_state(channel, side)

    async def send_state(self, channel: WebSocket, side: Side) -> None:
        phase = "active" if len(self.joined) == len(Side) else "waiting"
        await _send(channel, type="state", phase=phase, ends=[str(end) for end in self.joined])
        if self.closed is not None:
            await _send(channel, type="closed", reason=self.close_reason, message=self.closed)
            await channel.close(4410, "closed")
        elif phase == "active":
            paths = [asdict(path) for path in self.relays.paths(side, self.first)]
            await _send(channel, type="paths", paths=paths)

    async def receive(self, message: dict[str, Any]) -> None:
        if message["type"] == "need_paths":
            self.path_requests += 1
        if message["type"] == "close":
            self.closed = message["message"]
            await self.send_state_to_all()

    async def close_session(self, reason: str, message: str) -> None:
        """Close the session for both ends, as the site does."""
        self.closed, self.close_reason = message, reason
        await self.send_state_to_all()

    async def drop_channels(self) -> None:
        """Break every channel, as a gateway does that dies."""
        for channel in list(self.channels):
            await channel.close(1012)


async def _send(channel: WebSocket, **message: object) -> None:
    await channel.send_text(json.dumps(message))


def build_site(gateway: FakeGateway) -> FastAPI:
    app = FastAPI()

    @app.post("/api/v1/probes")
    async def probes(facts: dict[str, Any]) -> JSONResponse:  # pyright: ignore[reportUnusedFunction]
        gateway.probe_requests.append(facts)
        return JSONResponse(gateway.probes, 404 if gateway.probes is None else 200)

    @app.post("/api/v1/sessions/{session}/join")
    async def join(session: str, facts: dict[str, Any]) -> JSONResponse:  # pyright: ignore[reportUnusedFunction]
        gateway.joined_with.append(facts)
        if session != SESSION:
            answer = {"code": "not_found", "detail": f"there is no session {session}"}
            return JSONResponse(answer, status_code=404)
        gateway.joined.add(Side.CUSTOMER)
        await gateway.send_state_to_all()
        return JSONResponse(gateway.credentials(Side.CUSTOMER))

    @app.post("/api/v1/queue")
    async def arrive(_: dict[str, Any]) -> JSONResponse:  # pyright: ignore[reportUnusedFunction]
        gateway.joined.add(Side.CUSTOMER)
        await gateway.send_state_to_all()
        return JSONResponse(gateway.credentials(Side.CUSTOMER))

    @app.websocket("/api/v1/sessions/{session}/channel")
    async def channel(socket: WebSocket, session: str) -> None:  # pyright: ignore[reportUnusedFunction]
        await socket.accept()
        side = Side(socket.headers["authorization"].removeprefix("Bearer token-of-"))
        gateway.channels[socket] = side
        try:
            await gateway.send_state(socket, side)
            while True:
                await gateway.receive(json.loads(await socket.receive_text()))
        except (WebSocketDisconnect, RuntimeError):
            return
        finally:
            del gateway.channels[socket]

    return app


@contextlib.asynccontextmanager
async def fake_gateway(relays: Site) -> AsyncGenerator[FakeGateway]:
    """Serve on a free port."""
    gateway = FakeGateway(relays)
    listener = socket.create_server(("127.0.0.1", 0))
    gateway.port = int(listener.getsockname()[1])
    config = uvicorn.Config(build_site(gateway), log_level="error", ws="websockets-sansio")
    server = uvicorn.Server(config)
    server.install_signal_handlers = lambda: None  # type: ignore[attr-defined]
    task = asyncio.create_task(server.serve([listener]))
    while not server.started:
        await asyncio.sleep(0.01)
    try:
        yield gateway
    finally:
        server.should_exit = True
        await task
