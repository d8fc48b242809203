# pyright: reportUnknownMemberType=false
"""Real servers that fill up: who has little room left is named, and named again when it has."""

from collections.abc import AsyncGenerator
from dataclasses import dataclass
from pathlib import Path

import nats
import pytest
import pytest_asyncio
from nats.aio.client import Client
from nats.js.api import StreamConfig
from prometheus_client import CollectorRegistry

from services.failover_monitor.log_servers.storage import StorageMonitor
from shared.events.replication import LogSpaceChanged
from tests.fakes.events import KeptFacts
from tests.integration.servers import NatsServer, until

pytestmark = pytest.mark.integration

LIMIT = 1 << 20
SYSTEM = {"user": "system", "password": "of the tests"}


@dataclass
class SmallServer(NatsServer):
    """Its streams may take a mebibyte."""

    def _configuration(self) -> dict[str, object]:
        usual = super()._configuration()
        jetstream = {**usual["jetstream"], "max_file_store": LIMIT}  # type: ignore[dict-item]
        site = {"jetstream": "enabled", "users": [{"user": "site", "password": "site"}]}
        accounts = {"SITE": site, "SYS": {"users": [SYSTEM]}}
        return {**usual, "jetstream": jetstream, "accounts": accounts, "system_account": "SYS"}


@pytest_asyncio.fixture
async def server(tmp_path: Path) -> AsyncGenerator[NatsServer]:
    server = SmallServer("alpha", tmp_path / "alpha")
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
    space = StorageMonitor(system, facts, registry)
    await space.check()
    assert facts.kept == []

    await fill(site, 0.8)
    await space.check()
    await space.check()
    (low,) = facts.kept
    assert isinstance(low, LogSpaceChanged)
    assert (low.node, low.is_low, low.limit_bytes) == ("alpha", True, LIMIT)
    assert low.used_bytes >= 0.7 * LIMIT
    ratio = registry.get_sample_value("meridian_log_server_storage_ratio", {"server": "alpha"})
    assert ratio == pytest.approx(low.used_bytes / LIMIT)

    await site.jetstream().purge_stream("LOG")
    await space.check()
    assert [type(each) for each in facts.kept] == [LogSpaceChanged, LogSpaceChanged]
    space.reset()
    assert next(iter(registry.collect())).samples == []


async def test_without_a_connection_nothing_is_known(server: NatsServer, system: Client) -> None:
    facts = KeptFacts()
    space = StorageMonitor(system, facts, CollectorRegistry())
    server.kill()
    await system.close()
    await space.check()
    assert facts.kept == []
