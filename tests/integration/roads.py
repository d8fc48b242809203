"""A slow way to a server on this machine: what two places on the globe have between them."""

import asyncio
import contextlib
from collections.abc import AsyncGenerator
from dataclasses import dataclass


@dataclass
class Road:
    """A port whose connections lead to *host*:*target*; each way takes *seconds*, also from now on.

    The bytes keep their order, and many may be on the way at once.
    """

    host: str
    target: int
    seconds: float = 0.0
    port: int = 0

    async def travel(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Carry one connection until both its directions have ended."""
        try:
            far_reader, far_writer = await asyncio.open_connection(self.host, self.target)
        except OSError:
            writer.close()
            return
        try:
            await asyncio.gather(
                self._one_way(reader, far_writer), self._one_way(far_reader, writer)
            )
        finally:
            for end in (writer, far_writer):
                end.close()

    async def _one_way(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        under_way: asyncio.Queue[tuple[float, bytes]] = asyncio.Queue()
        arriving = asyncio.create_task(_arrive(under_way, writer))
        data = b"not yet"
        while data:
            try:
                data = await reader.read(1 << 16)
            except ConnectionError:
                data = b""  # reset, which is an end too
            under_way.put_nowait((asyncio.get_running_loop().time() + self.seconds, data))
        await arriving


async def _arrive(
    under_way: "asyncio.Queue[tuple[float, bytes]]", writer: asyncio.StreamWriter
) -> None:
    with contextlib.suppress(OSError):
        while True:
            due, data = await under_way.get()
            await asyncio.sleep(due - asyncio.get_running_loop().time())
            if not data:
                writer.write_eof()
                return
            writer.write(data)
            await writer.drain()


@contextlib.asynccontextmanager
async def road(target: int, seconds: float = 0.0, host: str = "127.0.0.1") -> AsyncGenerator[Road]:
    """A road to *host*:*target* on a free port of loopback, for as long as the block runs."""
    made = Road(host, target, seconds)
    travellers: set[asyncio.Task[None]] = set()

    def on_arrival(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.create_task(made.travel(reader, writer))
        travellers.add(task)
        task.add_done_callback(travellers.discard)

    server = await asyncio.start_server(on_arrival, "127.0.0.1", 0)
    made.port = int(server.sockets[0].getsockname()[1])
    try:
        yield made
    finally:
        server.close()
        for task in tuple(travellers):
            task.cancel()
        await asyncio.gather(*travellers, return_exceptions=True)
