"""Endpoints measure real relays, over roads of different lengths."""

import asyncio
import contextlib
import time
from collections.abc import AsyncGenerator

import pytest

from clients.endpoint.probing import MOMENT_SECONDS, PINGS, RelayTarget, measure_latencies
from shared.domain.ids import NodeId
from tests.integration.relay.worlds import BERLIN, data_plane
from tests.integration.roads import road

pytestmark = pytest.mark.integration

PARIS = NodeId("paris")


@contextlib.asynccontextmanager
async def silent() -> AsyncGenerator[int]:
    """A port whose owner accepts connections and never sends a byte."""
    connections: list[asyncio.StreamWriter] = []
    server = await asyncio.start_server(
        lambda _, writer: connections.append(writer), "127.0.0.1", 0
    )
    try:
        yield int(server.sockets[0].getsockname()[1])
    finally:
        server.close()
        for connection in connections:
            connection.close()
            await connection.wait_closed()


async def test_a_relay_is_measured_as_far_as_its_road_is_long() -> None:
    async with data_plane() as world, road(world.port, 0.02) as slow:
        found = await measure_latencies([RelayTarget(BERLIN, "127.0.0.1", slow.port)], "probe")
        assert 40 <= found[BERLIN] < 200
        assert world.notes.pings == PINGS


async def test_far_relays_do_not_make_near_ones_wait_longer_than_a_moment() -> None:
    async with data_plane() as world, road(world.port, 5.0) as far, silent() as port:
        relays = [
            RelayTarget(BERLIN, "127.0.0.1", world.port),
            RelayTarget(NodeId("far"), "127.0.0.1", far.port),
            RelayTarget(NodeId("silent"), "127.0.0.1", port),
        ]
        began = time.monotonic()
        found = await measure_latencies(relays, "probe")
        assert list(found) == [BERLIN]
        assert time.monotonic() - began < MOMENT_SECONDS + 0.5


async def test_where_everybody_is_far_the_nearest_is_waited_for() -> None:
    async with data_plane() as world, road(world.port, 0.25) as far:
        found = await measure_latencies([RelayTarget(BERLIN, "127.0.0.1", far.port)], "probe")
        assert 500 <= found[BERLIN] < 1_000


@pytest.mark.parametrize(("node", "ticket"), [(PARIS, "probe"), (BERLIN, "forged")])
async def test_another_node_and_one_that_refuses_are_not_measured(
    node: NodeId, ticket: str
) -> None:
    async with data_plane() as world:
        assert await measure_latencies([RelayTarget(node, "127.0.0.1", world.port)], ticket) == {}


async def test_what_cannot_be_reached_or_is_no_relay_is_not_measured() -> None:
    async def no_relay(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 400 Bad Request\r\n\r\n")
        writer.close()

    server = await asyncio.start_server(no_relay, "127.0.0.1", 0)
    port = int(server.sockets[0].getsockname()[1])
    relays = [
        RelayTarget(NodeId("a"), "127.0.0.1", port),
        RelayTarget(NodeId("b"), "127.0.0.1", 1),
        RelayTarget(NodeId("c"), "no.such.host.invalid", 7443),
    ]
    assert await measure_latencies(relays, "probe") == {}
    server.close()


async def test_nobody_to_measure_costs_no_time() -> None:
    began = time.monotonic()
    assert await measure_latencies([], "probe") == {}
    assert time.monotonic() - began < 0.1
