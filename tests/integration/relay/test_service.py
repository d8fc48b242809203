"""The relay as a process: with NATS, without it, killed and started again."""

import asyncio
import contextlib
import time
import urllib.request
from collections.abc import AsyncGenerator, Generator
from dataclasses import dataclass, field, replace
from pathlib import Path

import pytest

from shared.crypto.keyring import KeyRing
from shared.crypto.nodekeys import TrustStore
from shared.crypto.tickets import issue_ticket
from shared.domain.errors import StaleEpoch
from shared.domain.ids import Epoch, NodeId, PathGeneration, SessionId, UnixMillis
from shared.domain.node import Side
from shared.domain.ticket import Ticket
from shared.events.message import Done
from shared.events.node import NodeHeartbeat
from shared.events.relay import CloseSession, DrainNode, UndrainNode
from shared.events.session import PathReported
from shared.messaging.events import WAITING
from shared.messaging.streams import ensure_streams
from shared.runtime.context import ServiceContext
from shared.wire.relay import RefusalCode, Refused, encode_hello
from tests.integration.relay.cluster import Child, Cluster, free_port, nats_server, process, until
from tests.integration.relay.floods import (
    descriptors,
    flood,
    many_sources,
    resident_bytes,
)
from tests.integration.relay.worlds import Endpoint

pytestmark = pytest.mark.integration

BERLIN = NodeId("berlin")
MOST_OF_A_HELLO = encode_hello("x" * 4_000)[:-1]
SILENT_MIB = 32
"""What silent connections may cost, however many come (docs/operations/ports.md)."""

NOWHERE = "nats://127.0.0.1:9"


def in_an_hour() -> UnixMillis:
    return UnixMillis(time.time_ns() // 1_000_000 + 3_600_000)


@dataclass
class Node:
    """A relay's node: its keys, its ports, and endpoints that come with tickets."""

    cluster: Cluster
    port: int = field(default_factory=free_port)
    metrics: int = field(default_factory=free_port)
    endpoints: list[Endpoint] = field(default_factory=list[Endpoint])

    def __post_init__(self) -> None:
        trust = TrustStore.load(self.cluster.folder / BERLIN / "trust.json")
        self._keys = KeyRing.derive(self.cluster.psk, trust.cluster_id, None).current
        self.state = self.cluster.folder / BERLIN

    @contextlib.contextmanager
    def relay(self) -> Generator[Child]:
        own = {
            "MERIDIAN_RELAY_HOST": "127.0.0.1",
            "MERIDIAN_RELAY_PORT": str(self.port),
            "MERIDIAN_METRICS_PORT": str(self.metrics),
        }
        with process("services.relay", self.cluster.environment(BERLIN) | own) as child:
            yield child

    async def connect(self) -> Endpoint:
        """Connect as soon as the relay listens."""
        async with asyncio.timeout(20):
            while True:
                with contextlib.suppress(ConnectionError):
                    streams = await asyncio.open_connection("127.0.0.1", self.port)
                    self.endpoints.append(Endpoint(*streams))
                    return self.endpoints[-1]
                await asyncio.sleep(0.05)

    def close(self) -> None:
        for endpoint in self.endpoints:
            endpoint.close()

    async def hello(self, session: str, side: Side, node: str = BERLIN) -> Endpoint:
        ticket = Ticket(SessionId(session), side, NodeId(node), PathGeneration(1), in_an_hour())
        endpoint = await self.connect()
        await endpoint.send(encode_hello(issue_ticket(self._keys, ticket)))
        return endpoint

    async def pair(self, session: str) -> tuple[Endpoint, Endpoint]:
        ends = [await self.hello(session, side) for side in Side]
        for end in ends:
            await end.ready()
        return ends[0], ends[1]

    async def page(self, path: str) -> str:
        def read() -> str:
            with urllib.request.urlopen(f"http://127.0.0.1:{self.metrics}{path}") as answer:
                return str(answer.read().decode())

        return await asyncio.to_thread(read)


def cluster_in(folder: Path, url: str) -> Cluster:
    cluster = Cluster(folder, url)
    cluster.found("alpha", "berlin")
    return cluster


@pytest.fixture(scope="module")
def nats_url(tmp_path_factory: pytest.TempPathFactory) -> Generator[str]:
    with nats_server(tmp_path_factory.mktemp("nats")) as url:
        yield url


@pytest.fixture
async def node(tmp_path: Path, nats_url: str) -> AsyncGenerator[Node]:
    with contextlib.closing(Node(cluster_in(tmp_path, nats_url))) as node:
        yield node


@pytest.fixture
async def lonely(tmp_path: Path) -> AsyncGenerator[Node]:
    with contextlib.closing(Node(cluster_in(tmp_path, NOWHERE))) as node:
        yield node


async def refusal(endpoint: Endpoint) -> str:
    answer = await endpoint.frame()
    assert isinstance(answer, Refused), answer
    return answer.code


@contextlib.asynccontextmanager
async def listening(node: Node) -> AsyncGenerator[tuple[ServiceContext, list[NodeHeartbeat]]]:
    """A gateway on alpha that keeps what it hears of the relay."""
    heard: list[NodeHeartbeat] = []

    async def on_heartbeat(event: NodeHeartbeat) -> None:
        heard.append(event)

    route = (NodeHeartbeat, on_heartbeat)
    async with node.cluster.member("alpha", "gateway", route) as gateway:
        yield gateway, heard


async def test_the_data_plane_starts_and_carries_without_nats(lonely: Node) -> None:
    with lonely.relay():
        one, other = await lonely.pair("1234567")
        await one.send(b"nobody else is here")
        assert await other.exactly(19) == b"nobody else is here"


async def test_a_relay_without_the_bus_warns_once_and_not_for_each_session(lonely: Node) -> None:
    with lonely.relay() as child:
        assert child.stderr is not None
        reading = asyncio.create_task(asyncio.to_thread(child.stderr.read))
        for number in range(WAITING // 2 + 40):
            for end in await lonely.pair(str(number)):
                end.close()
        child.terminate()
        lines = await reading
    assert lines.count("the oldest are dropped from now on") == len(("SESSIONS", "EVENTS"))
    warnings = [line for line in lines.splitlines() if "warning" in line.lower()]
    assert len(warnings) <= 6, warnings


async def test_a_ticket_for_another_node_is_refused_and_counted(lonely: Node) -> None:
    with lonely.relay():
        connection = await lonely.hello("1234567", Side.CUSTOMER, node="tokyo")
        assert await refusal(connection) == RefusalCode.WRONG_NODE
        metrics = await lonely.page("/metrics")
        assert 'meridian_relay_refused_total{code="wrong_node"} 1.0' in metrics
        assert "meridian_relay_pairs 0.0" in metrics


async def test_thousands_of_silent_connections_cost_little_memory_and_no_session(
    lonely: Node,
) -> None:
    with descriptors(), lonely.relay() as child:
        one, other = await lonely.pair("1234567")
        before = resident_bytes(child.pid)
        with flood(lonely.port) as crowd:
            await crowd.come(6_000, *many_sources(2_000), first=MOST_OF_A_HELLO)
            assert resident_bytes(child.pid) - before <= SILENT_MIB * 1024 * 1024
            await lonely.pair("2345678")
            await one.send(b"still here")
            assert await other.exactly(10) == b"still here"


async def test_a_port_in_use_is_one_sentence_and_exit_code_2(lonely: Node) -> None:
    with lonely.relay() as first:
        (await lonely.connect()).close()
        again = replace(lonely, metrics=free_port())
        with again.relay() as second:
            code = await asyncio.to_thread(second.wait, 20)
            assert second.stderr is not None
            errors = second.stderr.read()
        assert code == 2
        assert "Traceback" not in errors
        assert f"the relay cannot listen on 127.0.0.1:{lonely.port}: the port is in use" in errors
        assert first.poll() is None


async def test_a_damaged_state_file_is_one_sentence_and_exit_code_2(lonely: Node) -> None:
    (lonely.state / "relay.json").write_text("{")
    with lonely.relay() as child:
        assert await asyncio.to_thread(child.wait, 20) == 2
        assert child.stderr is not None
        errors = child.stderr.read()
    assert "relay.json cannot be read" in errors
    assert errors.count("\n") == 1


async def test_heartbeats_carry_the_load_and_facts_reach_the_stream(node: Node) -> None:
    facts: list[PathReported] = []

    async def on_fact(event: PathReported) -> None:
        facts.append(event)

    async with (
        listening(node) as (gateway, heard),
        node.cluster.member("alpha", "config", (PathReported, on_fact)),
    ):
        client = gateway.bus.broker._connection  # pyright: ignore[reportPrivateUsage]
        assert client is not None
        await ensure_streams(client.jetstream(), 1)  # pyright: ignore[reportUnknownMemberType]
        with node.relay():
            await until(lambda: bool(heard))
            assert (heard[-1].service, heard[-1].sessions) == ("relay", 0)
            one, other = await node.pair("1234567")
            await one.send(bytes(5_000_000))
            await other.exactly(5_000_000)
            await until(lambda: heard[-1].sessions == 1)
            assert heard[-1].connections == 2
            await until(lambda: any(each.bytes_per_second > 100_000 for each in heard))
            one.close()
            other.close()
            await until(lambda: len(facts) == 2)
        assert [(f.fact, f.bytes_carried) for f in facts] == [("ready", 0), ("parted", 5_000_000)]
        assert heard[0].session_digest != next(h for h in heard if h.sessions).session_digest


async def test_draining_takes_no_new_pair_keeps_the_old_and_outlives_a_crash(node: Node) -> None:
    async with listening(node) as (gateway, heard):
        with node.relay():
            one, other = await node.pair("1111111")
            await until(lambda: bool(heard))
            order = DrainNode(node=BERLIN, epoch=Epoch(3))
            assert isinstance(await gateway.bus.publisher.ask(order, timeout_seconds=5), Done)
            connection = await node.hello("2222222", Side.CUSTOMER)
            assert await refusal(connection) == RefusalCode.DRAINING
            await one.send(b"on")
            assert await other.exactly(2) == b"on"
            await until(lambda: heard[-1].draining)
            stale = UndrainNode(node=BERLIN, epoch=Epoch(2))
            with pytest.raises(StaleEpoch):
                await gateway.bus.publisher.ask(stale, timeout_seconds=5)
        heard.clear()
        with node.relay():
            assert await refusal(await node.hello("2222222", Side.CUSTOMER)) == RefusalCode.DRAINING
            await until(lambda: bool(heard))
            with pytest.raises(StaleEpoch):
                await gateway.bus.publisher.ask(stale, timeout_seconds=5)
            undrain = UndrainNode(node=BERLIN, epoch=Epoch(3))
            await gateway.bus.publisher.ask(undrain, timeout_seconds=5)
            await node.pair("2222222")


async def test_a_closed_session_ends_and_stays_closed_after_a_crash(node: Node) -> None:
    async with listening(node) as (gateway, heard):
        with node.relay():
            one, other = await node.pair("1111111")
            await until(lambda: bool(heard))
            order = CloseSession(
                node=BERLIN, session=SessionId("1111111"), until_unix_ms=in_an_hour()
            )
            assert isinstance(await gateway.bus.publisher.ask(order, timeout_seconds=5), Done)
            assert await one.ended()
            assert await other.ended()
            assert isinstance(await gateway.bus.publisher.ask(order, timeout_seconds=5), Done)
        with node.relay():
            connection = await node.hello("1111111", Side.CUSTOMER)
            assert await refusal(connection) == RefusalCode.CLOSED
            await node.pair("2222222")


async def test_an_order_from_somebody_who_may_not_order_changes_nothing(node: Node) -> None:
    async with (
        listening(node) as (_, heard),
        node.cluster.member("alpha", "config") as config,
    ):
        with node.relay():
            await until(lambda: bool(heard))
            order = DrainNode(node=BERLIN, epoch=Epoch(9))
            await config.bus.publisher.publish(order)
            (await node.pair("1111111"))[0].close()
            assert not heard[-1].draining


async def test_a_relay_that_stops_announces_it(node: Node) -> None:
    async with listening(node) as (_, heard):
        with node.relay() as child:
            await until(lambda: bool(heard))
            child.terminate()
            assert await asyncio.to_thread(child.wait, 20) == 0
        await until(lambda: heard[-1].draining)
