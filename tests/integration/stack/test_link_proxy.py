"""The link proxy over real sockets: it forwards, holds what is cut, and loses nothing."""

import asyncio
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager, closing, suppress

import pytest

from stack.demo.target import free_port
from stack.link_proxy import Gates, LinkProxy
from stack.links import Link
from stack.ports import HOST

SECONDS = 10.0
THERE, BACK = ("alpha", "bravo"), ("bravo", "alpha")


async def echo(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    with closing(writer), suppress(OSError):
        while data := await reader.read(1 << 16):
            writer.write(data)
            await writer.drain()


@asynccontextmanager
async def linked() -> AsyncGenerator[tuple[Gates, int]]:
    """A link from alpha to an echo at bravo: its gates, and the port that it listens on."""
    far = await asyncio.start_server(echo, HOST, 0)
    ports = {"bravo": {"client": far.sockets[0].getsockname()[1], "cluster": 0}}
    gates, port = Gates(), free_port()
    near = await LinkProxy(gates, ports).listen(Link("alpha", "bravo", "client", port))
    try:
        yield gates, port
    finally:
        near.close()
        far.close()


async def is_silent(reader: asyncio.StreamReader, seconds: float = 0.2) -> bool:
    with suppress(TimeoutError):
        async with asyncio.timeout(seconds):
            await reader.read(1)
            return False
    return True


async def test_what_is_sent_over_a_link_arrives() -> None:
    async with linked() as (_, port), asyncio.timeout(SECONDS):
        reader, writer = await asyncio.open_connection(HOST, port)
        with closing(writer):
            writer.write(b"hello")
            assert await reader.readexactly(5) == b"hello"


@pytest.mark.parametrize("direction", [THERE, BACK])
async def test_a_cut_direction_holds_its_bytes_and_delivers_them_when_it_is_mended(
    direction: tuple[str, str],
) -> None:
    async with linked() as (gates, port), asyncio.timeout(SECONDS):
        reader, writer = await asyncio.open_connection(HOST, port)
        with closing(writer):
            writer.write(b"before")
            assert await reader.readexactly(6) == b"before"
            gates.cut([direction])
            writer.write(b"during")
            assert await is_silent(reader)
            gates.cut([])
            assert await reader.readexactly(6) == b"during"


async def test_a_connection_that_is_opened_over_a_cut_hears_nothing_until_it_is_mended() -> None:
    async with linked() as (gates, port), asyncio.timeout(SECONDS):
        gates.cut([THERE])
        reader, writer = await asyncio.open_connection(HOST, port)
        with closing(writer):
            writer.write(b"hello")
            assert await is_silent(reader)
            gates.cut([])
            assert await reader.readexactly(5) == b"hello"


async def test_the_end_of_one_side_is_the_end_of_the_other() -> None:
    async with linked() as (_, port), asyncio.timeout(SECONDS):
        reader, writer = await asyncio.open_connection(HOST, port)
        writer.write(b"hello")
        assert await reader.readexactly(5) == b"hello"
        writer.write_eof()
        assert await reader.read() == b""
        writer.close()
