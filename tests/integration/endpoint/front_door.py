"""A front door of one session for tests: joins, and hands out paths on real relays.

It keeps the contract of the site's own gateway as far as endpoints see it, over plain HTTP.
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
class FrontDoor:
    """What the site knows of the session."""

    relays: Site
    port: int = 0
    closed: str | None = None
    asked: int = 0
    first: int = 1
    probes: dict[str, Any] | None = None
    probes_asked: list[dict[str, Any]] = field(default_factory=list[dict[str, Any]])
    joined_with: list[dict[str, Any]] = field(default_factory=list[dict[str, Any]])
    joined: set[Side] = field(default_factory=lambda: {Side.REPRESENTATIVE})
    channels: dict[WebSocket, Side] = field(default_factory=dict[WebSocket, Side])

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def leave(self, side: Side) -> dict[str, Any]:
        return {
            "session": SESSION,
            "endpoint_token": f"token-of-{side}",
            "gateways": [self.url],
            "expires_unix_ms": 10**13,
        }

    async def tell_all(self) -> None:
        for channel, side in list(self.channels.items()):
            await self.tell(channel, side)

    async def tell(self, channel: WebSocket, side: Side) -> None:
        phase = "active" if len(self.joined) == len(Side) else "waiting"
        await _send(channel, type="state", phase=phase, ends=[str(end) for end in self.joined])
        if self.closed is not None:
            await _send(channel, type="closed", reason="closed_by_endpoint", message=self.closed)
            await channel.close(4410, "closed")
        elif phase == "active":
            paths = [asdict(path) for path in self.relays.paths(side, self.first)]
            await _send(channel, type="paths", paths=paths)

    async def obey(self, message: dict[str, Any]) -> None:
        if message["type"] == "need_paths":
            self.asked += 1
        if message["type"] == "close":
            self.closed = message["message"]
            await self.tell_all()

    async def drop_channels(self) -> None:
        """Break every channel, as a master does that dies."""
        for channel in list(self.channels):
            await channel.close(1012)


async def _send(channel: WebSocket, **message: object) -> None:
    await channel.send_text(json.dumps(message))


def build_site(door: FrontDoor) -> FastAPI:
    app = FastAPI()

    @app.post("/api/v1/probes")
    async def probes(facts: dict[str, Any]) -> JSONResponse:  # pyright: ignore[reportUnusedFunction]
        door.probes_asked.append(facts)
        return JSONResponse(door.probes, 404 if door.probes is None else 200)

    @app.post("/api/v1/sessions/{session}/join")
    async def join(session: str, facts: dict[str, Any]) -> JSONResponse:  # pyright: ignore[reportUnusedFunction]
        door.joined_with.append(facts)
        if session != SESSION:
            answer = {"code": "not_found", "detail": f"there is no session {session}"}
            return JSONResponse(answer, status_code=404)
        door.joined.add(Side.CUSTOMER)
        await door.tell_all()
        return JSONResponse(door.leave(Side.CUSTOMER))

    @app.websocket("/api/v1/sessions/{session}/channel")
    async def channel(socket: WebSocket, session: str) -> None:  # pyright: ignore[reportUnusedFunction]
        await socket.accept()
        side = Side(socket.headers["authorization"].removeprefix("Bearer token-of-"))
        door.channels[socket] = side
        try:
            await door.tell(socket, side)
            while True:
                await door.obey(json.loads(await socket.receive_text()))
        except (WebSocketDisconnect, RuntimeError):
            return
        finally:
            del door.channels[socket]

    return app


@contextlib.asynccontextmanager
async def front_door(relays: Site) -> AsyncGenerator[FrontDoor]:
    """Serve on a free port."""
    door = FrontDoor(relays)
    listener = socket.create_server(("127.0.0.1", 0))
    door.port = int(listener.getsockname()[1])
    config = uvicorn.Config(build_site(door), log_level="error", ws="websockets-sansio")
    server = uvicorn.Server(config)
    server.install_signal_handlers = lambda: None  # type: ignore[attr-defined]
    task = asyncio.create_task(server.serve([listener]))
    while not server.started:
        await asyncio.sleep(0.01)
    try:
        yield door
    finally:
        server.should_exit = True
        await task
