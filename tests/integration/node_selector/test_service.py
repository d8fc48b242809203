"""Replicas of the node selector as processes, asked over a real NATS server."""

import asyncio
import contextlib
import re
from collections.abc import AsyncGenerator, Generator
from dataclasses import dataclass, field, replace
from pathlib import Path

import httpx
import pytest

from shared.documents.node import Address, NodeDocument
from shared.documents.selection import Selection
from shared.documents.site import SiteDocument, Timing
from shared.domain.document import Document
from shared.domain.errors import NoTrafficNode, Unavailable
from shared.domain.ids import Epoch, LogGeneration, NodeId, Revision
from shared.domain.log import ReplicationMode, empty_position
from shared.domain.node import MasterRole, NodeRole
from shared.events.config import DocumentsRead, ReadDocuments
from shared.events.node import NodeHeartbeat
from shared.events.selection import ClientFacts, ExplainSelection, NodesSelected, SelectNodes
from shared.runtime.context import ServiceContext, package_version
from tests.integration.relay.cluster import Child, Cluster, nats_server, process
from tests.integration.servers import free_port

pytestmark = pytest.mark.integration

BERLIN, TOKYO, ALPHA = NodeId("berlin"), NodeId("tokyo"), NodeId("alpha")
SITE = SiteDocument(
    name="support.example.com",
    selection=Selection(maximum_client_fallback_to_primary=2, slow_start_seconds=0),
    timing=Timing(heartbeat_seconds=0.1, suspect_after_seconds=0.5, dead_after_seconds=1),
)


def node(role: NodeRole, port: int, *prefixes: str) -> NodeDocument:
    address = Address(host="relay.example.com", port=port)
    return NodeDocument.model_validate(
        {"role": role, "public_address": address, "prefixes": prefixes}
    )


@dataclass
class Master:
    """A master's config with documents that a test may change."""

    revision: int = 1
    nodes: dict[NodeId, NodeDocument] = field(
        default_factory=lambda: {
            ALPHA: node(NodeRole.MASTER, 1),
            BERLIN: node(NodeRole.TRAFFIC, 2, "198.51.100.0/24"),
            TOKYO: node(NodeRole.TRAFFIC, 3),
        }
    )

    async def on_read(self, question: ReadDocuments) -> DocumentsRead:
        revision = Revision(self.revision)
        site = Document(
            kind="site", id="site", revision=revision, body=SITE.model_dump(mode="json")
        )
        nodes = [
            Document(kind="node", id=name, revision=revision, body=each.model_dump(mode="json"))
            for name, each in self.nodes.items()
        ]
        return DocumentsRead(
            position=replace(empty_position(LogGeneration(1)), revision=revision),
            mode=ReplicationMode.SYNCHRONOUS,
            documents=(site, *nodes),
        )


def relay_heartbeat(name: NodeId, *, sessions: int = 0, draining: bool = False) -> NodeHeartbeat:
    return NodeHeartbeat(
        node=name,
        service="relay",
        version=package_version(),
        started_unix_ms=0,
        sessions=sessions,
        draining=draining,
    )


def primary_heartbeat(revision: int) -> NodeHeartbeat:
    return NodeHeartbeat(
        node=ALPHA,
        service="failover_monitor",
        version=package_version(),
        started_unix_ms=0,
        role=MasterRole.PRIMARY,
        epoch=Epoch(1),
        applied_revision=Revision(revision),
    )


@dataclass
class Site:
    """Who speaks in this site: relays, a master's monitor, and a gateway that asks."""

    master: Master
    gateway: ServiceContext
    speakers: dict[NodeId, ServiceContext]
    monitor: ServiceContext
    silent: set[NodeId] = field(default_factory=set[NodeId])
    draining: set[NodeId] = field(default_factory=set[NodeId])

    async def speak(self) -> None:
        """Every node's heartbeat, again and again."""
        while True:
            for name, context in self.speakers.items():
                if name not in self.silent:
                    beat = relay_heartbeat(name, draining=name in self.draining)
                    await context.bus.publisher.publish(beat)
            await self.monitor.bus.publisher.publish(primary_heartbeat(self.master.revision))
            await asyncio.sleep(0.1)

    async def select(self, address: str = "203.0.113.1") -> NodesSelected:
        question = SelectNodes(client=ClientFacts(address=address))
        answer = await self.gateway.bus.publisher.ask(question, timeout_seconds=10)
        assert isinstance(answer, NodesSelected)
        return answer

    async def select_until_refused(self) -> None:
        async with asyncio.timeout(10):
            while True:
                await self.select()
                await asyncio.sleep(0.05)

    async def explain(self) -> NodesSelected:
        question = ExplainSelection(client=ClientFacts(address="203.0.113.1"))
        answer = await self.gateway.bus.publisher.ask(question, timeout_seconds=10)
        assert isinstance(answer, NodesSelected)
        return answer

    async def reasons(self) -> dict[NodeId, str]:
        return {each.node: each.reason for each in (await self.explain()).explanation}


@pytest.fixture(scope="module")
def nats_url(tmp_path_factory: pytest.TempPathFactory) -> Generator[str]:
    with nats_server(tmp_path_factory.mktemp("nats")) as url:
        yield url


READY_SECONDS = 30.0


@contextlib.asynccontextmanager
async def replica(cluster: Cluster, port: int | None = None) -> AsyncGenerator[Child]:
    """A replica that answers: a process on its way up would not be told to stop, but killed."""
    port = port or free_port()
    environment = {**cluster.environment("alpha"), "MERIDIAN_METRICS_PORT": str(port)}
    with process("services.node_selector", environment) as child:
        async with asyncio.timeout(READY_SECONDS):
            while not await is_ready(port):
                await asyncio.sleep(0.05)
        yield child


async def is_ready(port: int) -> bool:
    try:
        async with httpx.AsyncClient() as client:
            return (await client.get(f"http://127.0.0.1:{port}/readyz")).is_success
    except httpx.HTTPError:
        return False


@contextlib.asynccontextmanager
async def site(folder: Path, url: str) -> AsyncGenerator[tuple[Cluster, Site]]:
    cluster, master = Cluster(folder, url), Master()
    cluster.found("alpha", "berlin", "tokyo")
    async with contextlib.AsyncExitStack() as stack:
        answer = (ReadDocuments, master.on_read)
        await stack.enter_async_context(cluster.member("alpha", "config", answer))
        speakers = {
            name: await stack.enter_async_context(cluster.member(name, "relay"))
            for name in (ALPHA, BERLIN, TOKYO)
        }
        gateway = await stack.enter_async_context(cluster.member("alpha", "gateway"))
        monitor = await stack.enter_async_context(cluster.member("alpha", "failover_monitor"))
        yield cluster, Site(master, gateway, speakers, monitor)


@contextlib.asynccontextmanager
async def speaking(site: Site) -> AsyncGenerator[None]:
    task = asyncio.create_task(site.speak())
    try:
        yield
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


async def test_a_client_gets_its_network_s_node_first_and_alternates(
    tmp_path: Path, nats_url: str
) -> None:
    async with site(tmp_path, nats_url) as (cluster, here), speaking(here), replica(cluster):
        answer = await here.select("198.51.100.9")
        assert [(c.node, c.host, c.port) for c in answer.choices] == [
            (BERLIN, "relay.example.com", 2),
            (TOKYO, "relay.example.com", 3),
        ]
        assert answer.method == "random"
        assert not answer.fallback_to_primary
        reasons = await here.reasons()
        assert reasons[ALPHA] == "a master, not a traffic node"
        assert reasons[TOKYO] == "random, weight 1000"


async def test_silent_and_draining_nodes_are_left_out_until_the_primary_stands_in(
    tmp_path: Path, nats_url: str
) -> None:
    async with site(tmp_path, nats_url) as (cluster, here), speaking(here), replica(cluster):
        assert len((await here.select()).choices) == 2
        here.silent.add(BERLIN)
        here.draining.add(TOKYO)
        async with asyncio.timeout(10):
            while not (answer := await here.select()).fallback_to_primary:
                await asyncio.sleep(0.05)
        assert [choice.node for choice in answer.choices] == [ALPHA]
        here.draining.add(ALPHA)
        with pytest.raises(NoTrafficNode, match="tokyo \\(draining\\)") as refused:
            await here.select_until_refused()
        assert refused.value.attributes["retry_after_seconds"] == 2
        here.silent.clear()
        async with asyncio.timeout(10):
            while (await here.reasons())[BERLIN] != "random, weight 1000":
                await asyncio.sleep(0.05)


async def test_a_change_of_the_directory_is_followed_within_a_heartbeat(
    tmp_path: Path, nats_url: str
) -> None:
    async with site(tmp_path, nats_url) as (cluster, here), speaking(here), replica(cluster):
        assert (await here.select()).revision == 1
        berlin = here.master.nodes[BERLIN]
        here.master.nodes[BERLIN] = berlin.model_copy(update={"accepting_new_clients": False})
        here.master.revision = 2
        async with asyncio.timeout(3):
            while (answer := await here.select()).revision == 1:
                await asyncio.sleep(0.05)
        assert [choice.node for choice in answer.choices] == [TOKYO]


async def test_without_heartbeats_there_is_no_guess(tmp_path: Path, nats_url: str) -> None:
    async with site(tmp_path, nats_url) as (cluster, here), replica(cluster):
        with pytest.raises(NoTrafficNode, match="no live state yet"):
            await here.select()
        assert (await here.reasons())[BERLIN] == "no heartbeat yet"


async def test_two_replicas_share_the_questions_and_one_of_them_is_enough(
    tmp_path: Path, nats_url: str
) -> None:
    async with (
        site(tmp_path, nats_url) as (cluster, here),
        speaking(here),
        replica(cluster) as first,
        replica(cluster),
    ):
        for _ in range(10):
            assert len((await here.select()).choices) == 2
        first.terminate()
        assert await asyncio.to_thread(first.wait, 20) == 0
        for _ in range(10):
            assert len((await here.select()).choices) == 2


async def asking(here: Site, answered: list[float], stop: asyncio.Event) -> None:
    """Somebody who asks until *stop*, again when nobody answers in time, as the gateway does."""
    question = SelectNodes(client=ClientFacts(address="203.0.113.1"))
    while not stop.is_set():
        await here.gateway.bus.publisher.ask(question, timeout_seconds=10, attempt_seconds=0.5)
        answered.append(asyncio.get_running_loop().time())


async def handled(port: int) -> float:
    """How many questions the replica whose metrics are at *port* has answered."""
    async with httpx.AsyncClient() as client:
        page = (await client.get(f"http://127.0.0.1:{port}/metrics")).text
    wanted = re.compile(r'meridian_handler_seconds_count\{message="SelectNodes"\} (\S+)')
    return sum(float(count) for count in wanted.findall(page))


async def test_a_replica_that_is_added_answers_within_a_second_and_a_killed_one_costs_nothing(
    tmp_path: Path, nats_url: str
) -> None:
    port, answered, stop = free_port(), list[float](), asyncio.Event()
    async with (
        site(tmp_path, nats_url) as (cluster, here),
        speaking(here),
        replica(cluster) as first,
        asyncio.TaskGroup() as group,
    ):
        clients = [group.create_task(asking(here, answered, stop)) for _ in range(8)]
        async with replica(cluster, port):
            async with asyncio.timeout(1):
                while not await handled(port):
                    await asyncio.sleep(0.02)
            first.kill()
            killed_at = asyncio.get_running_loop().time()
            async with asyncio.timeout(10):
                while sum(moment > killed_at + 0.5 for moment in answered) < 50:
                    await asyncio.sleep(0.02)
            assert not any(client.done() for client in clients), "every question was answered"
            stop.set()
            await asyncio.wait(clients)


async def test_nobody_answers_for_a_selector_that_is_not_there(
    tmp_path: Path, nats_url: str
) -> None:
    async with site(tmp_path, nats_url) as (_, here):
        question = SelectNodes(client=ClientFacts(address="203.0.113.1"))
        with pytest.raises(Unavailable):
            await here.gateway.bus.publisher.ask(question, timeout_seconds=0.5)
