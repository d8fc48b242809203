"""Posts to receivers that misbehave."""

import asyncio
import contextlib
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import cast

import pytest

from services.webhooks.core.delivery import Response
from services.webhooks.delivery.post import HttpPost

SECONDS = 60.0

Receiver = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


@asynccontextmanager
async def receiver(serve: Receiver) -> AsyncGenerator[str]:
    running: set[asyncio.Task[None] | None] = set()

    async def handle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        running.add(asyncio.current_task())
        try:
            await serve(reader, writer)
        finally:
            writer.close()
            with contextlib.suppress(ConnectionError):
                await writer.wait_closed()

    server = await asyncio.start_server(handle, "127.0.0.1", 0)
    try:
        yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/hook"
    finally:
        server.close()
        for task in running - {None}:
            with contextlib.suppress(ConnectionError, EOFError):
                await asyncio.wait_for(cast("asyncio.Task[None]", task), SECONDS)


def saying(text: str) -> Receiver:
    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"{}")
        writer.write(text.encode())
        await writer.drain()

    return serve


async def hang(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    await reader.read()


async def drip(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Never silent for long, and never done."""
    await reader.readuntil(b"{}")
    with contextlib.suppress(ConnectionError):
        writer.write(b"HTTP/1.1 200 OK\r\n")
        while not reader.at_eof():
            writer.write(b"x-again: 1\r\n")
            await writer.drain()
            await asyncio.sleep(0.05)


@pytest.mark.parametrize(
    ("raw", "response"),
    [
        ("HTTP/1.1 204 No Content\r\n\r\n", Response(204)),
        ("HTTP/1.1 500 No\r\ncontent-length: 0\r\n\r\n", Response(500)),
        (
            "HTTP/1.1 302 Found\r\nlocation: http://127.0.0.1:1/\r\ncontent-length: 0\r\n\r\n",
            Response(302, location="http://127.0.0.1:1/"),
        ),
        ("HTTP/1.1 200 OK\r\ncontent-length: 99999999999\r\n\r\nx", Response(200)),
    ],
)
async def test_a_receivers_status_is_all_that_counts(raw: str, response: Response) -> None:
    post = HttpPost()
    async with receiver(saying(raw)) as url:
        assert await post(url, {}, b"{}") == response
    await post.close()


@pytest.mark.parametrize("misbehaviour", [hang, drip])
async def test_a_receiver_that_takes_its_time_is_cut_off(misbehaviour: Receiver) -> None:
    post = HttpPost(0.5)
    async with receiver(misbehaviour) as url:
        assert await post(url, {}, b"{}") == Response(None, "no answer within 0.5 s")
    await post.close()


@pytest.mark.parametrize(
    "url", ["http://127.0.0.1:9/", "http://no-such-host.invalid/", "http://[::1/", "http://a b/"]
)
async def test_a_receiver_that_is_not_there_is_an_answer_too(url: str) -> None:
    post = HttpPost()
    response = await post(url, {}, b"{}")
    await post.close()

    assert response.status is None
    assert response.problem.startswith("it cannot be reached: ")


async def test_rubbish_for_an_answer_is_an_answer_too() -> None:
    post = HttpPost()
    async with receiver(saying("hello\r\n\r\n")) as url:
        response = await post(url, {}, b"{}")
    await post.close()

    assert response.status is None
