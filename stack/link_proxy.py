"""Forwards the connections between nodes in a process of its own, and can cut directions.

A cut direction leads from one node to another. Its bytes are held as long as the cut lasts, as in a
network that loses packets and sends them again; a connection that is opened meanwhile is accepted
and receives nothing. A node that is cut off notices it by time-outs only, as in a real partition.

Orders arrive as JSON, one object a line, over a Unix socket: `{"cut": [[from, to], ...]}` names
every direction that is cut from now on. The answer is `{}` once that is done.
"""

import asyncio
import contextlib
import sys
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from shared.decoding.fields import decode_mapping, decode_object, row
from stack.links import Link
from stack.ports import HOST

READ_BYTES: Final = 1 << 16
Direction = tuple[str, str]


@dataclass
class Gates:
    """The gate of each direction; a direction that nobody named is open."""

    _open: dict[Direction, asyncio.Event] = field(default_factory=dict[Direction, asyncio.Event])

    def of(self, origin: str, target: str) -> asyncio.Event:
        """The gate of one direction; it is set while it is open."""
        gate = self._open.get((origin, target))
        if gate is None:
            gate = self._open[origin, target] = asyncio.Event()
            gate.set()
        return gate

    def cut(self, directions: Iterable[Direction]) -> None:
        """Close the gates of *directions*, and open all others."""
        closed = {*directions}
        for direction in closed | self._open.keys():
            gate = self.of(*direction)
            if direction in closed:
                gate.clear()
            else:
                gate.set()


@dataclass(frozen=True)
class LinkProxy:
    """Serves every link of a site; *ports* has the real port of each node's server, by kind."""

    gates: Gates
    ports: dict[str, dict[str, int]]

    async def pass_on(
        self, link: Link, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        """Carry one connection until either side ends it."""
        there = self.gates.of(link.origin, link.target)
        back = self.gates.of(link.target, link.origin)
        with contextlib.closing(writer), contextlib.suppress(OSError):
            await there.wait()
            await back.wait()
            port = self.ports[link.target][link.kind]
            far_reader, far_writer = await asyncio.open_connection(HOST, port)
            with contextlib.closing(far_writer):
                ways = (
                    asyncio.create_task(carry(reader, far_writer, there)),
                    asyncio.create_task(carry(far_reader, writer, back)),
                )
                try:
                    await asyncio.wait(ways, return_when=asyncio.FIRST_COMPLETED)
                finally:
                    for way in ways:
                        way.cancel()
                    await asyncio.gather(*ways, return_exceptions=True)

    async def listen(self, link: Link) -> asyncio.Server:
        async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            await self.pass_on(link, reader, writer)

        return await asyncio.start_server(serve, HOST, link.port)

    async def serve_control(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        """Obey the orders that arrive over the socket, line by line."""
        with contextlib.closing(writer):
            while line := await reader.readline():
                cut = decode_object(line, "order").items("cut")
                pairs = (row(each, ("origin", "target"), "direction") for each in cut)
                self.gates.cut((pair.text("origin"), pair.text("target")) for pair in pairs)
                writer.write(b"{}\n")
                await writer.drain()


async def carry(
    reader: asyncio.StreamReader, writer: asyncio.StreamWriter, gate: asyncio.Event
) -> None:
    """Pass bytes on while *gate* is open, until the end of them; held ones go on when it opens."""
    with contextlib.suppress(OSError):
        while data := await reader.read(READ_BYTES):
            await gate.wait()
            writer.write(data)
            await writer.drain()


async def run(plan: dict[str, Any]) -> None:
    """Serve *plan*: its `links`, its `ports`, and the `socket` that takes orders."""
    proxy = LinkProxy(Gates(), plan["ports"])
    for each in plan["links"]:
        await proxy.listen(Link(**each))
    control = await asyncio.start_unix_server(proxy.serve_control, plan["socket"])
    await control.serve_forever()


def main() -> None:
    """Serve the plan in the file that the first argument names."""
    asyncio.run(run(decode_mapping(Path(sys.argv[1]).read_text(), "links")))
