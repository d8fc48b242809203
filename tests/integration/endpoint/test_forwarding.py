"""The customer's end against real targets: slow ones, and a peer that opens more than it may."""

import asyncio
import contextlib
import os
import socket
from collections.abc import Generator
from pathlib import Path

import pytest

from clients.endpoint.forwarding import (
    DIALS_AT_ONCE,
    LocalListener,
    SharedAddressForwarder,
)
from clients.tunnel.effects import StreamId
from clients.tunnel.outbox import Outbox
from clients.tunnel.streams import STREAMS_AT_ONCE, StreamFrame, Streams
from shared.domain.node import Side
from tests.integration.tunnel.site import until

pytestmark = pytest.mark.integration

STREAMS = 200
SECONDS = 5.0
"""Less than a dial that nobody ends takes to fail by itself."""


class FakeEnd:
    """One end whose frames come by hand, and go nowhere."""

    def __init__(self, side: Side) -> None:
        self.streams = Streams(side, Outbox())
        self.broken: list[StreamId] = []
        self.refused: list[int] = []

    def flush(self) -> None:
        pass

    def on_stream_opened(self, stream: StreamId) -> None:
        pass

    def on_streams_refused(self, count: int) -> None:
        self.refused.append(count)

    def on_stream_broken(self, stream: StreamId, reason: str) -> None:
        self.broken.append(stream)


class Customer(FakeEnd):
    """A customer's end that shares one port of loopback."""

    def __init__(self, port: int) -> None:
        super().__init__(Side.CUSTOMER)
        self.forwarder = SharedAddressForwarder(self, self, "127.0.0.1", port)

    def receive(self, kind: StreamFrame, *streams: int) -> None:
        for stream in streams:
            effect = self.streams.received(kind, stream, memoryview(b""))
            if effect is not None:
                self.forwarder.on_stream(effect)


@contextlib.contextmanager
def silent_target() -> Generator[socket.socket]:
    """A port of loopback whose queue is full: who connects waits."""
    with contextlib.ExitStack() as stack:
        listener = stack.enter_context(socket.create_server(("127.0.0.1", 0), backlog=0))
        for _ in range(4):
            filler = stack.enter_context(socket.socket())
            filler.setblocking(False)
            filler.connect_ex(listener.getsockname())
        yield listener


def open_descriptors() -> int:
    return len(list(Path("/proc/self/fd").iterdir()))


def work() -> tuple[int, int]:
    """What goes on: open descriptors, and tasks."""
    return open_descriptors(), len(asyncio.all_tasks())


async def test_resets_while_the_target_is_dialled_leak_no_connection() -> None:
    with silent_target() as target:
        before = work()
        customer = Customer(target.getsockname()[1])
        customer.receive(StreamFrame.OPEN, *range(1, STREAMS + 1))
        await until(lambda: work() > before)
        customer.receive(StreamFrame.RESET, *range(1, STREAMS + 1))
        await until(lambda: work() == before, SECONDS)
        assert len(customer.streams) == 0
        assert len(customer.broken) == STREAMS


async def test_resets_at_any_moment_of_the_dialling_leak_no_connection() -> None:
    served = 0

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal served
        served += 1
        with contextlib.suppress(ConnectionError):
            await reader.read()
        writer.close()
        served -= 1

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    before = work()
    customer = Customer(server.sockets[0].getsockname()[1])
    for stream in range(1, STREAMS + 1):
        customer.receive(StreamFrame.OPEN, stream)
        for _ in range(stream % 12):
            await asyncio.sleep(0)
        customer.receive(StreamFrame.RESET, stream)
    await until(lambda: work() == before, SECONDS)
    assert served == 0
    server.close()
    await server.wait_closed()


async def test_the_end_of_the_session_ends_the_dialling() -> None:
    with silent_target() as target:
        before = work()
        customer = Customer(target.getsockname()[1])
        customer.receive(StreamFrame.OPEN, *range(1, STREAMS + 1))
        await until(lambda: work() > before)
        customer.forwarder.close()
        await until(lambda: work() == before, SECONDS)


async def test_a_flood_of_opened_streams_has_a_bound_of_dials_streams_and_reports() -> None:
    with silent_target() as target:
        before = open_descriptors()
        customer = Customer(target.getsockname()[1])
        customer.receive(StreamFrame.OPEN, *range(1, 5 * STREAMS_AT_ONCE + 1))
        await until(lambda: open_descriptors() - before >= DIALS_AT_ONCE)
        for _ in range(100):
            await asyncio.sleep(0)
        assert open_descriptors() - before == DIALS_AT_ONCE
        assert len(customer.streams) == STREAMS_AT_ONCE
        assert customer.refused == [1]
        customer.forwarder.close()
        assert customer.refused == [1, 4 * STREAMS_AT_ONCE - 1]


async def test_bytes_that_came_during_the_dialling_reach_the_target_in_order() -> None:
    got: asyncio.Future[bytes] = asyncio.get_running_loop().create_future()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        got.set_result(await reader.read())
        writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    customer = Customer(server.sockets[0].getsockname()[1])
    customer.receive(StreamFrame.OPEN, 1)
    sent = os.urandom(100_000)
    for begin in range(0, len(sent), 100):
        effect = customer.streams.received(StreamFrame.DATA, 1, memoryview(sent)[begin:][:100])
        assert effect is not None
        customer.forwarder.on_stream(effect)
    customer.receive(StreamFrame.FINISH, 1)
    assert await asyncio.wait_for(got, 10) == sent
    server.close()
    await until(lambda: len(customer.streams) == 0)


async def test_local_connections_beyond_the_limit_are_refused_with_a_report() -> None:
    end = FakeEnd(Side.REPRESENTATIVE)
    listener = LocalListener(end, end)
    ((_, port),) = await listener.listen("127.0.0.1", 0)
    for _ in range(STREAMS_AT_ONCE):
        assert end.streams.open() is not None
    for _ in range(3):
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        with pytest.raises(ConnectionError):
            assert await reader.read() == b"nothing"
        writer.close()
    listener.close()
    assert sum(end.refused) == 3
    assert end.refused[0] == 1
