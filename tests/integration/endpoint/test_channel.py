import asyncio
import contextlib
import json
import re
import socket
from collections.abc import AsyncGenerator, Callable
from dataclasses import dataclass, field
from typing import Any

import pytest
from websockets.asyncio.server import ServerConnection, serve
from websockets.exceptions import ConnectionClosed

from clients.session.channel import ControlChannel
from shared.api.channel import (
    ENDPOINT_HEADER,
    ENDPOINT_PATTERN,
    CloseCode,
    FromGateway,
    PathsOffered,
    RequestRefused,
    SessionClosed,
    SessionReported,
)
from shared.api.sessions import SessionCredentials
from shared.domain.errors import AlreadyConnected, Unauthenticated
from shared.domain.ids import NodeId, PathGeneration, SessionId
from shared.domain.node import Side
from shared.domain.path import Path
from shared.domain.session import CloseReason, SessionPhase
from tests.integration.tunnel.site import IN_TIME, until

pytestmark = pytest.mark.integration

SESSION = SessionId("4821739")
PATH: dict[str, Any] = {
    "node": "berlin",
    "host": "192.0.2.7",
    "port": 443,
    "generation": 3,
    "ticket": "t",
}
CLOSED = {"type": "closed", "reason": "expired", "message": "enough"}
REFUSED = {"type": "error", "code": "reserved", "message": "another program has this place"}
OVER = SessionClosed(reason=CloseReason.EXPIRED, message="enough")


@dataclass
class Master:
    """A gateway that sends a script and records what it receives."""

    url: str = ""
    received: list[dict[str, Any]] = field(default_factory=list[dict[str, Any]])
    requests: list[tuple[str, str]] = field(default_factory=list[tuple[str, str]])
    script: list[object] = field(default_factory=list[object])
    close_code: int | None = None
    refusals: list[int] = field(default_factory=list[int])
    endpoints: set[str] = field(default_factory=set[str])

    async def serve(self, connection: ServerConnection) -> None:
        request = connection.request
        assert request is not None
        self.requests.append((request.path, request.headers["Authorization"]))
        self.endpoints.add(request.headers[ENDPOINT_HEADER])
        if self.refusals:
            await connection.send(json.dumps(REFUSED))
            await connection.close(self.refusals.pop(0), "refused")
            return
        if self.close_code is not None:
            await connection.close(self.close_code, "not you")
            return
        with contextlib.suppress(ConnectionClosed):
            for message in self.script:
                await connection.send(message if isinstance(message, str) else json.dumps(message))
            async for text in connection:
                self.received.append(json.loads(text))
                if self.received[-1] == {"type": "break"}:
                    return


@contextlib.asynccontextmanager
async def master(*script: object, close_code: int | None = None) -> AsyncGenerator[Master]:
    made = Master(script=list(script), close_code=close_code)
    async with serve(made.serve, "127.0.0.1", 0) as server:
        port = next(iter(server.sockets)).getsockname()[1]
        made.url = f"http://127.0.0.1:{port}"
        yield made


def credentials(*gateways: str) -> SessionCredentials:
    return SessionCredentials(
        session=SESSION, endpoint_token="the-token", expires_unix_ms=1, gateways=gateways
    )


def nobody() -> str:
    """An address where no master listens."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return f"http://127.0.0.1:{listener.getsockname()[1]}"


@contextlib.asynccontextmanager
async def channel(
    *gateways: str, on_message: Callable[[FromGateway], None]
) -> AsyncGenerator[tuple[ControlChannel, asyncio.Task[None]]]:
    made = ControlChannel(credentials(*gateways), None, on_message)
    task = asyncio.create_task(made.run())
    try:
        yield made, task
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


async def test_every_message_of_a_gateway_is_understood() -> None:
    messages: list[FromGateway] = []
    script = (
        {"type": "state", "phase": "active", "ends": ["customer"]},
        {"type": "paths", "paths": [PATH]},
        {"type": "error", "code": "no_traffic_node", "message": "none is free"},
        CLOSED,
    )
    async with master(*script) as one, channel(one.url, on_message=messages.append) as (_, task):
        await asyncio.wait_for(task, IN_TIME)
        path = Path(NodeId("berlin"), "192.0.2.7", 443, PathGeneration(3), "t")
        assert messages == [
            SessionReported(phase=SessionPhase.ACTIVE, ends=(Side.CUSTOMER,)),
            PathsOffered(paths=(path,)),
            RequestRefused(code="no_traffic_node", message="none is free"),
            OVER,
        ]
        assert one.requests == [(f"/api/v1/sessions/{SESSION}/channel", "Bearer the-token")]


async def test_what_is_not_understood_is_ignored() -> None:
    messages: list[FromGateway] = []
    strange: tuple[object, ...] = ("no json", "[]", {"type": "news"}, {"type": "paths"}, {"a": 1})
    async with (
        master(*strange, CLOSED) as one,
        channel(one.url, on_message=messages.append) as (_, task),
    ):
        await asyncio.wait_for(task, IN_TIME)
        assert messages == [OVER]


async def test_the_other_master_is_taken_when_one_is_gone() -> None:
    messages: list[FromGateway] = []
    async with (
        master(CLOSED) as other,
        channel(nobody(), other.url, on_message=messages.append) as (_, task),
    ):
        await asyncio.wait_for(task, IN_TIME)
        assert messages == [OVER]


async def test_a_channel_that_breaks_comes_again_at_the_other_master() -> None:
    messages: list[FromGateway] = []
    async with (
        master(close_code=1012) as one,
        master(CLOSED) as other,
        channel(one.url, other.url, on_message=messages.append) as (_, task),
    ):
        await asyncio.wait_for(task, IN_TIME)
        assert len(one.requests) == 1
        assert messages == [OVER]


async def test_a_refused_token_is_an_error_at_once() -> None:
    async with (
        master(close_code=4401) as one,
        channel(one.url, on_message=lambda _: None) as (_, task),
    ):
        with pytest.raises(Unauthenticated, match="not you"):
            await asyncio.wait_for(task, IN_TIME)


async def test_a_place_that_another_program_has_is_an_error_in_the_gateways_words() -> None:
    async with master() as one, channel(one.url, on_message=lambda _: None) as (_, task):
        one.refusals = [CloseCode.TAKEN]
        with pytest.raises(AlreadyConnected, match="another program has this place"):
            await asyncio.wait_for(task, IN_TIME)


async def test_a_reserved_place_is_asked_for_again_as_the_same_program(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("clients.session.channel.RESERVED_SECONDS", 0.01)
    messages: list[FromGateway] = []
    async with master(CLOSED) as one, channel(one.url, on_message=messages.append) as (_, task):
        one.refusals = [CloseCode.RESERVED, CloseCode.RESERVED]
        await asyncio.wait_for(task, IN_TIME)
        assert [each.type for each in messages] == ["error", "error", "closed"]
        assert len(one.requests) == 3
        (number,) = one.endpoints
        assert re.fullmatch(ENDPOINT_PATTERN, number)


async def test_a_program_that_leaves_says_so_and_counts_as_connected_until_then() -> None:
    state = {"type": "state", "phase": "active"}
    async with master(state) as one, channel(one.url, on_message=lambda _: None) as (made, _):
        assert not made.is_connected
        await until(lambda: made.is_connected)
        await made.say_goodbye("no relay", seconds=IN_TIME)
        await until(lambda: bool(one.received))
        assert one.received == [{"type": "leave", "message": "no relay"}]


async def test_messages_wait_until_there_is_a_channel() -> None:
    async with master() as one:
        later = ControlChannel(credentials(one.url), None, lambda _: None)
        for _ in range(3):
            later.request_paths()
        task = asyncio.create_task(later.run())
        await until(lambda: bool(one.received))
        await later.close(CloseReason.KEY_BURNT, "over", seconds=IN_TIME)
        await until(lambda: len(one.received) == 2)
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        close = {"type": "close", "reason": "key_burnt", "message": "over"}
        assert one.received == [{"type": "need_paths"}, close]


async def test_paths_can_be_requested_again_after_a_request_was_sent() -> None:
    async with master() as one, channel(one.url, on_message=lambda _: None) as (made, _):
        for count in (1, 2):
            made.request_paths()
            await until(lambda: len(one.received) == count)  # noqa: B023 (awaited in this turn)
    assert one.received == [{"type": "need_paths"}] * 2


async def test_a_close_that_nobody_hears_is_given_up() -> None:
    async with channel(nobody(), on_message=lambda _: None) as (made, _):
        await asyncio.wait_for(made.close(CloseReason.OTHER, "over", seconds=0.2), IN_TIME)


def test_credentials_name_every_gateway_once_the_known_ones_first() -> None:
    made = credentials("https://b/", "https://a").with_gateways(["https://a", "https://c"])
    assert made.gateways == ("https://a", "https://c", "https://b")
