"""Real relays as processes, and the two endpoints of one session on them."""

import asyncio
import contextlib
import signal
import sys
from collections.abc import AsyncGenerator, Callable
from dataclasses import dataclass, field
from pathlib import Path as FilePath
from typing import TypeVar

from clients.endpoint.endpoint import Endpoint, EndpointCallbacks
from clients.endpoint.forwarding import LocalListener, SharedAddressForwarder
from clients.tunnel.effects import PathEffect, PathUp, StreamId
from clients.tunnel.exchange import Credentials
from shared.domain.ids import NodeId, PathGeneration, SessionId
from shared.domain.node import Side
from shared.domain.path import Path

ROOT = FilePath(__file__).resolve().parents[3]
SESSION = SessionId("1234567")
IN_TIME = 15.0
Fact = TypeVar("Fact", bound=PathEffect)


async def until(condition: Callable[[], bool], seconds: float = IN_TIME) -> None:
    """Wait until *condition()* holds."""
    async with asyncio.timeout(seconds):
        while not condition():
            await asyncio.sleep(0.01)


class Relay:
    """A relay process that can be killed, frozen and started again on its port."""

    def __init__(self, node: str) -> None:
        self.node = NodeId(node)
        self.port = 0
        self._process: asyncio.subprocess.Process | None = None

    async def start(self) -> None:
        command = ("-m", "tests.integration.tunnel.relay_process", str(self.port), self.node)
        pipe = asyncio.subprocess.PIPE
        process = await asyncio.create_subprocess_exec(
            sys.executable, *command, cwd=ROOT, stdout=pipe
        )
        assert process.stdout is not None
        self.port = int(await process.stdout.readline())
        self._process = process

    async def kill(self) -> None:
        if self._process is not None:
            self._process.kill()
            await self._process.wait()
            self._process = None

    def freeze(self) -> None:
        assert self._process is not None
        self._process.send_signal(signal.SIGSTOP)


@dataclass
class End:
    """One endpoint, and the facts that it reported."""

    side: Side
    words: str = "amber-basil"
    facts: list[PathEffect] = field(default_factory=list[PathEffect])
    streams: list[StreamId] = field(default_factory=list[StreamId])
    broken: list[str] = field(default_factory=list[str])
    found: list[tuple[PathGeneration, NodeId]] = field(
        default_factory=list[tuple[PathGeneration, NodeId]]
    )
    path_requests: int = 0
    refused: int = 0
    on_over: Callable[[], None] = lambda: None

    def __post_init__(self) -> None:
        callbacks = EndpointCallbacks(self.facts.append, self._ask, self._find)
        self.endpoint = Endpoint(self.side, Credentials(SESSION, self.words), callbacks)

    def facts_of(self, kind: type[Fact]) -> list[Fact]:
        return [each for each in self.facts if isinstance(each, kind)]

    def on_stream_opened(self, stream: StreamId) -> None:
        self.streams.append(stream)

    def on_streams_refused(self, count: int) -> None:
        self.refused += count

    def on_stream_broken(self, stream: StreamId, reason: str) -> None:
        self.broken.append(reason)

    def _ask(self) -> None:
        self.path_requests += 1

    def _find(self, generation: PathGeneration, node: NodeId) -> None:
        self.found.append((generation, node))


class Site:
    """A few relays and one session through them."""

    def __init__(self, relays: int = 3) -> None:
        self.relays = [Relay(f"node{number}") for number in range(1, relays + 1)]
        self.ends: list[End] = []

    def paths(self, side: Side, first: int = 1) -> list[Path]:
        return [self.path(side, relay, number) for number, relay in enumerate(self.relays, first)]

    def path(self, side: Side, relay: Relay, number: int) -> Path:
        ticket = f"{SESSION}.{side}.{number}.0.0"
        return Path(relay.node, "127.0.0.1", relay.port, PathGeneration(number), ticket)

    def customer(self, host: str, port: int, words: str = "amber-basil") -> End:
        end = End(Side.CUSTOMER, words)
        self.ends.append(end)
        shared = SharedAddressForwarder(end.endpoint, end, host, port)
        end.endpoint.stream_handler, end.on_over = shared, shared.close
        return end

    def representative(
        self, on_empty: Callable[[], None] | None = None
    ) -> tuple[End, LocalListener]:
        end = End(Side.REPRESENTATIVE)
        self.ends.append(end)
        listener = LocalListener(end.endpoint, end, on_empty)
        end.endpoint.stream_handler, end.on_over = listener, listener.close
        return end, listener

    def offer(self, first: int = 1) -> None:
        for end in self.ends:
            end.endpoint.offer(self.paths(end.side, first))

    async def carrier(self, end: End) -> Relay:
        """The relay that carries the session now."""
        await until(lambda: bool(end.facts_of(PathUp)))
        return self.relays[end.facts_of(PathUp)[-1].generation - 1]

    async def close(self) -> None:
        for end in self.ends:
            end.endpoint.close("over")
        for end in self.ends:
            await end.endpoint.ended
            end.on_over()


@contextlib.asynccontextmanager
async def site(relays: int = 3) -> AsyncGenerator[Site]:
    world = Site(relays)
    await asyncio.gather(*(relay.start() for relay in world.relays))
    try:
        yield world
    finally:
        await world.close()
        for relay in world.relays:
            await relay.kill()


@contextlib.asynccontextmanager
async def echo_server() -> AsyncGenerator[tuple[str, int]]:
    """A server that sends back what it gets, and ends when its client has."""

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(ConnectionError):
            while data := await reader.read(65536):
                writer.write(data)
                await writer.drain()
        writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    address = server.sockets[0].getsockname()
    try:
        yield str(address[0]), int(address[1])
    finally:
        server.close()
        await server.wait_closed()
