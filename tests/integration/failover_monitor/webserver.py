"""Servers of a test's own: one that answers as told, and a web server that may never answer."""

import asyncio
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field

HOST = "127.0.0.1"
SECONDS = 15.0

Serve = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


@asynccontextmanager
async def listening(serve: Serve) -> AsyncGenerator[int]:
    """A port on which *serve* answers; in the end every connection is closed."""
    conversations: set[asyncio.Task[None] | None] = set()

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        conversations.add(asyncio.current_task())
        try:
            await serve(reader, writer)
        finally:
            writer.close()
            with suppress(OSError):
                await writer.wait_closed()

    server = await asyncio.start_server(answer, HOST, 0)
    try:
        yield int(server.sockets[0].getsockname()[1])
    finally:
        server.close()
        async with asyncio.timeout(SECONDS):
            await asyncio.gather(*filter(None, conversations), return_exceptions=True)


@dataclass
class WebServer:
    """What came is kept as head and body; *status* is the answer, and none while it is empty."""

    status: str = ""
    heard: list[tuple[bytes, bytes]] = field(default_factory=list[tuple[bytes, bytes]])
    came: asyncio.Event = field(default_factory=asyncio.Event)
    url: str = ""

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = await reader.readuntil(b"\r\n\r\n")
        lines = head.lower().split(b"\r\n")
        length = next(int(line[15:]) for line in lines if line.startswith(b"content-length:"))
        self.heard.append((head, await reader.readexactly(length)))
        self.came.set()
        if self.status:
            writer.write(f"HTTP/1.1 {self.status}\r\nContent-Length: 0\r\n\r\n".encode())
            await writer.drain()
        else:
            await reader.read()


@asynccontextmanager
async def web_server(status: str = "") -> AsyncGenerator[WebServer]:
    web = WebServer(status)
    async with listening(web.serve) as port:
        web.url = f"http://{HOST}:{port}/redirect?token=hidden"
        yield web
