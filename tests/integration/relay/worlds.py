"""A data plane on a real port, and the endpoints that come to it."""

import asyncio
import contextlib
import socket
import struct
import time
from collections.abc import AsyncGenerator, Callable
from dataclasses import dataclass, field

from services.relay.app import BACKLOG
from services.relay.core.admission import Admission, RelayState
from services.relay.core.effects import PathKey
from services.relay.core.pairing import PairingTable
from services.relay.data_plane.plane import DataPlane
from services.relay.data_plane.pump import PumpResources
from shared.domain.errors import InvalidTicket
from shared.domain.ids import Instant, NodeId, PathGeneration, SessionId, UnixMillis
from shared.domain.node import Side
from shared.domain.source import Networks
from shared.domain.ticket import Ticket, TicketLimits
from shared.runtime.listening import ListenSetting, open_listeners
from shared.wire.relay import Frame, FrameReader, Ready, RefusalCode, Wait, encode_hello
from tests.fakes.containment import contained

BERLIN = NodeId("berlin")
IN_TIME = 10.0
NO_PROXIES = Networks()


class BootClock:
    def now(self) -> Instant:
        return Instant(time.clock_gettime(time.CLOCK_BOOTTIME))


class PlainTickets:
    """Tickets without a proof."""

    def read_path_ticket(self, text: str) -> Ticket:
        """The path of `session.side.generation.rate.idle`."""
        return plain_ticket(text)

    def require_probe(self, text: str) -> None:
        """Only "probe" measures."""
        if text != "probe":
            raise InvalidTicket("the ticket is forged")


def plain_ticket(text: str) -> Ticket:
    """A ticket without a proof: `session.side.generation.rate.idle`."""
    session, side, generation, rate, idle = text.split(".")
    if session == "forged":
        raise InvalidTicket("the ticket is forged")
    if session == "late":
        raise InvalidTicket("the ticket has expired", reason="ticket_expired")
    return Ticket(
        SessionId(session),
        Side(side),
        BERLIN,
        PathGeneration(int(generation)),
        UnixMillis(10**13),
        TicketLimits(int(rate), int(idle)),
    )


@dataclass
class Notes:
    """What the data plane reported."""

    paired: list[PathKey] = field(default_factory=list[PathKey])
    parted: list[tuple[PathKey, int]] = field(default_factory=list[tuple[PathKey, int]])
    refused: list[RefusalCode] = field(default_factory=list[RefusalCode])
    refused_sources: list[str] = field(default_factory=list[str])
    pings: int = 0

    def on_paired(self, key: PathKey) -> None:
        self.paired.append(key)

    def on_pair_closed(self, key: PathKey, bytes_carried: int) -> None:
        self.parted.append((key, bytes_carried))

    def on_refused(self, code: RefusalCode, source: str) -> None:
        self.refused.append(code)
        self.refused_sources.append(source)

    def on_pinged(self, count: int) -> None:
        self.pings += count


@dataclass
class Endpoint:
    """One end of a path, as a program would use it."""

    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter
    frames: FrameReader = field(default_factory=FrameReader)

    async def frame(self) -> Frame:
        async with asyncio.timeout(IN_TIME):
            while True:
                found = self.frames.feed(await self.reader.read(1))
                if found:
                    return found[0]

    async def ready(self) -> Ready:
        while isinstance(answer := await self.frame(), Wait):
            pass
        assert isinstance(answer, Ready), answer
        return answer

    async def exactly(self, count: int) -> bytes:
        async with asyncio.timeout(IN_TIME):
            return await self.reader.readexactly(count)

    async def rest(self) -> bytes:
        async with asyncio.timeout(IN_TIME):
            return await self.reader.read()

    async def ended(self) -> bool:
        """Wait until the other side closed or reset the connection."""
        try:
            return await self.rest() == b""
        except ConnectionError:
            return True

    async def send(self, data: bytes) -> None:
        self.writer.write(data)
        await self.writer.drain()

    def close(self) -> None:
        self.writer.close()

    def reset(self) -> None:
        """Break the connection as a crashed machine's kernel would."""
        connection = self.writer.get_extra_info("socket")
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.writer.transport.abort()


@dataclass
class World:
    """A running data plane."""

    plane: DataPlane
    pairings: PairingTable
    admission: Admission
    notes: Notes
    port: int
    endpoints: list[Endpoint] = field(default_factory=list[Endpoint])

    async def connect(self, source: str = "127.0.0.1") -> Endpoint:
        streams = await asyncio.open_connection("127.0.0.1", self.port, local_addr=(source, 0))
        self.endpoints.append(Endpoint(*streams))
        return self.endpoints[-1]

    async def hello(
        self, session: str, side: Side, more: str = "1.0.0", *, first: bytes = b""
    ) -> Endpoint:
        """Connect with the ticket of *session*, after the bytes *first*."""
        endpoint = await self.connect()
        await endpoint.send(first + encode_hello(f"{session}.{side}.{more}"))
        return endpoint

    async def pair(self, session: str, more: str = "1.0.0") -> tuple[Endpoint, Endpoint]:
        ends = [await self.hello(session, side, more) for side in Side]
        for end in ends:
            await end.ready()
        return ends[0], ends[1]


def listen(port: int, *hosts: str) -> tuple[socket.socket, ...]:
    """Open a relay's port on each of *hosts*."""
    return open_listeners(ListenSetting("the relay", "MERIDIAN_RELAY", hosts, port, BACKLOG))


@contextlib.asynccontextmanager
async def data_plane(
    capacity: int = 100, proxies: Networks = NO_PROXIES, hosts: tuple[str, ...] = ("127.0.0.1",)
) -> AsyncGenerator[World]:
    admission, notes = Admission(capacity, RelayState()), Notes()
    pairings = PairingTable(admission)
    resources = PumpResources(BootClock(), contained())
    plane = DataPlane(BERLIN, pairings, resources, PlainTickets(), notes, proxies)
    listeners = listen(0, *hosts)
    plane.open(listeners)
    world = World(plane, pairings, admission, notes, int(listeners[0].getsockname()[1]))
    try:
        yield world
    finally:
        for endpoint in world.endpoints:
            endpoint.close()
        plane.close()
        for endpoint in world.endpoints:
            with contextlib.suppress(OSError):
                await endpoint.writer.wait_closed()


async def until(condition: Callable[[], bool]) -> None:
    """Wait until *condition()* holds."""
    async with asyncio.timeout(IN_TIME):
        while not condition():
            await asyncio.sleep(0.01)
