# pyright: reportUnknownMemberType=false
"""Real servers that fill up, store nothing or end: they are named, and again when they are well."""

import asyncio
from collections.abc import AsyncGenerator
from dataclasses import dataclass
from pathlib import Path

import nats
import pytest
import pytest_asyncio
from nats.aio.client import Client
from nats.js.api import StreamConfig
from prometheus_client import CollectorRegistry

from services.failover_monitor.core.log_servers import LogServers
from services.failover_monitor.log_servers.servers import LogServerMonitor
from shared.domain.ids import NodeId
from shared.domain.log_server import LogServerState
from shared.events.replication import LogServerChanged, LogSpaceChanged
from shared.runtime.clock import SystemClock
from tests.fakes.events import KeptFacts
from tests.integration.servers import NatsServer, free_port, until

pytestmark = pytest.mark.integration

LIMIT = 1 << 20
SYSTEM = {"user": "system", "password": "of the tests"}


@dataclass
class GuardedServer(NatsServer):
    """It has a system account, and its streams may take a mebibyte, or it *stores* nothing."""

    stores: bool = True

    def _configuration(self) -> dict[str, object]:
        usual = super()._configuration()
        jetstream = {**usual.pop("jetstream"), "max_file_store": LIMIT}  # type: ignore[dict-item]
        if self.stores:
            usual["jetstream"] = jetstream
        storing = {"jetstream": "enabled"} if self.stores else {}
        site = {**storing, "users": [{"user": "site", "password": "site"}]}
        accounts = {"SITE": site, "SYS": {"users": [SYSTEM]}}
        return {**usual, "accounts": accounts, "system_account": "SYS"}


@pytest_asyncio.fixture
async def server(tmp_path: Path) -> AsyncGenerator[NatsServer]:
    server = GuardedServer("alpha", tmp_path / "alpha")
    server.start()
    until(server.is_ready, "the server")
    yield server
    server.kill()


@pytest_asyncio.fixture
async def site(server: NatsServer) -> AsyncGenerator[Client]:
    client = await nats.connect(server.url, user="site", password="site")
    yield client
    await client.close()


@pytest_asyncio.fixture
async def system(server: NatsServer) -> AsyncGenerator[Client]:
    client = await nats.connect(server.url, **SYSTEM)
    yield client
    await client.close()


async def fill(site: Client, share: float) -> None:
    stream = site.jetstream()
    await stream.add_stream(StreamConfig(name="LOG", subjects=["log"], deny_purge=False))
    for _ in range(int(share * LIMIT) >> 16):
        await stream.publish("log", b"x" * (1 << 16))


async def test_a_server_with_little_room_left_is_reported_once_and_again_when_it_has(
    site: Client, system: Client
) -> None:
    facts, registry = KeptFacts(), CollectorRegistry()
    servers = LogServerMonitor(
        system, LogServers([NodeId("alpha")]), facts, SystemClock(), registry
    )
    await servers.check(is_primary=True)
    assert facts.kept == []

    await fill(site, 0.8)
    await servers.check(is_primary=True)
    await servers.check(is_primary=True)
    (low,) = facts.kept
    assert isinstance(low, LogSpaceChanged)
    assert (low.node, low.is_low, low.limit_bytes) == ("alpha", True, LIMIT)
    assert low.used_bytes >= 0.7 * LIMIT
    ratio = registry.get_sample_value("meridian_log_server_storage_ratio", {"server": "alpha"})
    assert ratio == pytest.approx(low.used_bytes / LIMIT)

    await site.jetstream().purge_stream("LOG")
    await servers.check(is_primary=True)
    assert [type(each) for each in facts.kept] == [LogSpaceChanged, LogSpaceChanged]
    await servers.check(is_primary=False)
    labels = {"server": "alpha"}
    assert registry.get_sample_value("meridian_log_server_storage_ratio", labels) is None


async def test_without_a_connection_nothing_is_known(server: NatsServer, system: Client) -> None:
    facts = KeptFacts()
    servers = LogServerMonitor(
        *(system, LogServers([NodeId("alpha")]), facts, SystemClock(), CollectorRegistry())
    )
    server.kill()
    await system.close()
    await servers.check(is_primary=True)
    assert facts.kept == []


@pytest_asyncio.fixture
async def three(tmp_path: Path) -> AsyncGenerator[dict[str, GuardedServer]]:
    """Three servers in one cluster."""
    ports = {name: free_port() for name in ("alpha", "bravo", "witness")}
    servers = {
        name: GuardedServer(name, tmp_path / name, tuple(ports.values()), cluster_port=port)
        for name, port in ports.items()
    }
    for each in servers.values():
        each.start()
    until(lambda: all(each.is_ready() for each in servers.values()), "the cluster")
    yield servers
    for each in servers.values():
        each.kill()


async def test_a_server_that_is_dead_or_stores_nothing_is_named_with_what_the_log_survives(
    three: dict[str, GuardedServer],
) -> None:
    facts, names = KeptFacts(), [NodeId(name) for name in three]
    system = await nats.connect([each.url for each in three.values()], **SYSTEM)
    watched = LogServers(names, patience_seconds=3.0)
    servers = LogServerMonitor(system, watched, facts, SystemClock(), CollectorRegistry())
    await servers.check(is_primary=True)
    assert watched.states == dict.fromkeys(names, LogServerState.WORKING)
    assert facts.kept == []

    three["witness"].kill()
    await until_state(servers, watched, LogServerState.SILENT)
    assert described(facts) == [("witness", LogServerState.SILENT)]

    three["witness"].stores = False  # as after its disk was full
    three["witness"].start()
    await until_state(servers, watched, LogServerState.JETSTREAM_OFF)
    assert described(facts)[1:] == [("witness", LogServerState.JETSTREAM_OFF)]
    last = facts.kept[-1]
    assert isinstance(last, LogServerChanged)
    assert last.survival == (
        "the site survives no further loss of a log server (alpha and bravo): bring witness back"
    )

    three["witness"].kill()
    three["witness"].stores = True
    three["witness"].start()
    await until_state(servers, watched, LogServerState.WORKING)
    assert described(facts)[-1] == ("witness", LogServerState.WORKING)
    await system.close()


def described(facts: KeptFacts) -> list[tuple[str, LogServerState]]:
    changes = (each for each in facts.kept if isinstance(each, LogServerChanged))
    return [(change.node, change.state) for change in changes]


async def until_state(
    servers: LogServerMonitor, watched: LogServers, state: LogServerState
) -> None:
    async with asyncio.timeout(30):
        while watched.states[NodeId("witness")] is not state:
            await servers.check(is_primary=True)
            await asyncio.sleep(0.1)
