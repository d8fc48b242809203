"""A web server that answers as a test wants, or never."""

import asyncio
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

HOST = "127.0.0.1"


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
        writer.close()


@asynccontextmanager
async def web_server(status: str = "") -> AsyncGenerator[WebServer]:
    web = WebServer(status)
    server = await asyncio.start_server(web.serve, HOST, 0)
    web.url = f"http://{HOST}:{server.sockets[0].getsockname()[1]}/redirect?token=hidden"
    async with server:
        yield web
