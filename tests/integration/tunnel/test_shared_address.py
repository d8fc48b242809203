"""Two ends and the address that all relays share, which leads to one relay or to another."""

import asyncio
import contextlib
import os
from collections.abc import AsyncGenerator
from dataclasses import dataclass, replace

import pytest

from clients.tunnel.effects import PathUp
from shared.domain.ids import PathGeneration
from shared.domain.path import Path
from tests.integration.tunnel.site import End, Relay, Site, echo_server, site, until
from tests.integration.tunnel.test_endpoint import echoed

pytestmark = pytest.mark.integration

NUMBER = 9


@dataclass
class Network:
    """Routes whoever comes to the shared address to the relay that is near now."""

    near: Relay
    port: int = 0
    came: int = 0

    async def route(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.came += 1
        there, back = await asyncio.open_connection("127.0.0.1", self.near.port)
        with contextlib.suppress(OSError):
            await asyncio.gather(_pass_on(reader, back), _pass_on(there, writer))

    def path(self, world: Site, end: End) -> Path:
        own = world.path(end.side, self.near, NUMBER)
        return replace(own, node=None, host="127.0.0.1", port=self.port)


async def _pass_on(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    try:
        while data := await reader.read(65_536):
            writer.write(data)
            await writer.drain()
    finally:
        writer.close()


@contextlib.asynccontextmanager
async def network(near: Relay) -> AsyncGenerator[Network]:
    made = Network(near)
    server = await asyncio.start_server(made.route, "127.0.0.1", 0)
    made.port = server.sockets[0].getsockname()[1]
    try:
        yield made
    finally:
        server.close()


def complete(world: Site, relay: Relay) -> None:
    """The gateway knows the node: both ends get the node's own address, then the alternates."""
    alternates = [each for each in world.relays if each is not relay]
    for end in world.ends:
        numbered = enumerate(alternates, NUMBER + 1)
        others = [world.path(end.side, each, number) for number, each in numbered]
        end.endpoint.offer([world.path(end.side, relay, NUMBER), *others])


async def test_the_ends_meet_at_the_node_that_wait_named_and_resume_at_its_own_address() -> None:
    async with site() as world, echo_server() as (host, port), network(world.relays[1]) as net:
        customer = world.customer(host, port)
        end, listener = world.representative()
        ((_, local),) = await listener.listen("127.0.0.1", 0)

        customer.endpoint.offer([net.path(world, customer)])
        await until(lambda: bool(customer.found))
        assert customer.found == [(PathGeneration(NUMBER), "node2")]
        net.near = world.relays[0]
        complete(world, world.relays[1])

        data = os.urandom(1_000_000)
        assert await echoed(local, data) == data
        assert [up.generation for up in end.facts_of(PathUp)] == [NUMBER]
        assert customer.endpoint.node_of(PathGeneration(NUMBER)) == "node2"

        await world.relays[1].kill()
        await world.relays[1].start()
        assert await echoed(local, data) == data
        assert len(end.facts_of(PathUp)) == 2
        assert net.came == 1


async def test_an_end_that_was_led_elsewhere_meanwhile_comes_to_the_node_that_counts() -> None:
    async with site() as world, echo_server() as (host, port), network(world.relays[2]) as net:
        customer = world.customer(host, port)
        end, listener = world.representative()
        ((_, local),) = await listener.listen("127.0.0.1", 0)

        customer.endpoint.offer([net.path(world, customer)])
        await until(lambda: bool(customer.found))
        assert customer.found[-1][1] == "node3"
        for each in world.ends:
            each.endpoint.offer([world.path(each.side, world.relays[1], NUMBER)])

        assert await echoed(local, b"here") == b"here"
        assert customer.endpoint.node_of(PathGeneration(NUMBER)) == "node2"
        assert len(end.facts_of(PathUp)) == 1


async def test_a_node_that_the_site_did_not_learn_is_reported_again() -> None:
    async with site() as world, network(world.relays[0]) as net:
        customer = world.customer("127.0.0.1", 9)
        customer.endpoint.offer([net.path(world, customer)])
        await until(lambda: bool(customer.found))

        customer.endpoint.offer([net.path(world, customer)])

        assert customer.found == [(PathGeneration(NUMBER), "node1")] * 2


async def test_an_end_that_reaches_nobody_by_the_shared_address_asks_for_paths() -> None:
    async with site() as world, network(world.relays[0]) as net:
        await world.relays[0].kill()
        customer = world.customer("127.0.0.1", 9)
        customer.endpoint.offer([net.path(world, customer)])
        await until(lambda: customer.path_requests > 0)
        assert customer.found == []
