# pyright: reportUnknownMemberType=false
"""Two masters as far as the failover monitor needs them: servers, keys, databases, log and lease.

In place of config, replication and gateway, `ProvingServices` answers the monitors' questions.
"""

import asyncio
import json
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import nats as nats_client
from nats.aio.client import Client
from nats.aio.msg import Msg
from nats.errors import Error as NatsError
from nats.js import JetStreamContext
from nats.js.api import KeyValueConfig, StorageType
from nats.js.errors import KeyValueError

from shared.clusterlog.log import ClusterLog, LogConflict
from shared.crypto.nodekeys import TRUST_FILE, TrustStore
from shared.domain.errors import LogUnavailable
from shared.domain.ids import ClusterId, LogGeneration
from shared.persistence.master_state import MasterState
from shared.persistence.pool import Database
from shared.runtime.clock import SystemClock
from stack import binaries, folder, founding, layout, nats, postgres
from stack.layout import Layout
from stack.ports import HOST, reserve
from stack.process_group import ProcessGroup
from stack.processes import ForkServerClient
from stack.servers import start_servers, wait_for_brokers, wait_for_databases
from tests.integration.failover_monitor.proving import ProvingServices

MONITOR = "failover_monitor"
GENERATION = LogGeneration(1)
SECONDS = 30.0


@dataclass
class Heard:
    """A grant as it arrived."""

    node: str
    epoch: int
    valid_until: float
    at: float


@dataclass
class Masters:
    """The crew, and what its monitors said."""

    processes: ProcessGroup
    databases: dict[str, Database]
    client: Client
    system: Client
    grants: list[Heard] = field(default_factory=list[Heard])
    heartbeats: dict[str, dict[str, Any]] = field(default_factory=dict[str, dict[str, Any]])
    services: ProvingServices | None = None

    @property
    def deaf(self) -> set[str]:
        """The nodes whose services answer nothing."""
        assert self.services is not None, "they were started with the site"
        return self.services.deaf

    async def start(self, node: str) -> None:
        await self.processes.start(self.processes.layout.node(node), MONITOR)

    async def kill(self, node: str, *services: str) -> None:
        await self.processes.kill(self.processes.of(node, *services))

    def acting(self) -> str | None:
        """Who may act now, as far as grants were heard."""
        now = SystemClock().now()
        acting = {grant.node for grant in self.grants if grant.valid_until > now}
        assert len(acting) <= 1, "two masters act at once"
        return next(iter(acting), None)

    async def until(self, condition: Callable[[], bool], seconds: float = SECONDS) -> float:
        """Wait for *condition*; how long that took."""
        clock = SystemClock()
        begin = clock.now()
        async with asyncio.timeout(seconds):
            while not condition():
                await asyncio.sleep(0.01)
        return clock.now() - begin

    async def on_grant(self, message: Msg) -> None:
        body = json.loads(message.data)
        now = SystemClock().now()
        node, epoch = body["node"], body["epoch"]
        if body["paused"]:
            return  # whoever hears it stops
        self.grants.append(Heard(node, epoch, body["valid_until"], now))
        if self.services is not None:
            self.services.epochs[node] = epoch

    async def on_heartbeat(self, message: Msg) -> None:
        body = json.loads(message.data)
        self.heartbeats[body["node"]] = body


async def connect(plan: Layout, user: str, *nodes: str) -> Client:
    ports = [server.client for node in nodes if (server := plan.node(node).nats)]
    return await nats_client.connect(
        [f"nats://{HOST}:{port}" for port in ports],
        user=user,
        password=plan.secret(nats.secret_name(user)).read_text(),
        max_reconnect_attempts=-1,
        reconnect_time_wait=0.1,
        dont_randomize=True,
        error_cb=_quiet,
    )


async def _quiet(_error: Exception) -> None:
    """Servers are killed on purpose."""


async def found(plan: Layout, client: Client) -> dict[str, Database]:
    """What `config init` and `config join` do."""
    bucket = KeyValueConfig("lease", replicas=3, storage=StorageType.FILE)
    await patiently(lambda: ClusterLog(client, GENERATION).create(3), LogConflict)
    await patiently(lambda: JetStreamContext(client).create_key_value(bucket))
    databases = {str(node.name): Database(postgres.url(plan, node)) for node in plan.masters}
    for database in databases.values():
        await MasterState(database).found(ClusterId("0" * 16), GENERATION)
    return databases


async def patiently(
    call: Callable[[], Awaitable[object]], done: type[Exception] = KeyValueError
) -> None:
    """Repeat what JetStream does not answer while an election goes on; *done* says it is there."""
    async with asyncio.timeout(SECONDS):
        while True:
            try:
                await call()
            except done:
                return
            except (NatsError, LogUnavailable):
                await asyncio.sleep(0.2)
            else:
                return


@asynccontextmanager
async def masters() -> AsyncGenerator[Masters]:
    place, block = folder.take_folder(None), reserve()
    plan = layout.plan("test.example", place.path, block.guard, block.take)
    founding.make_folders(plan)
    founding.make_secrets(plan)
    founding.make_keys(plan)
    fork_server = await ForkServerClient.start(plan.logs / "fork_server.log")
    processes = ProcessGroup(
        plan, fork_server, binaries.find_nats_server(), binaries.find_postgres(place.path)
    )
    try:
        await start_servers(processes, plan.nodes)
        await wait_for_databases(processes, plan.nodes, SECONDS)
        await wait_for_brokers(processes, SECONDS)
        async with listening(processes) as site:
            yield site
    finally:
        late = await processes.stop()
        await fork_server.close()
        block.close()
        place.release()
    assert late == (), "everything ends when it is told to"


@asynccontextmanager
async def listening(processes: ProcessGroup) -> AsyncGenerator[Masters]:
    plan = processes.layout
    client = await connect(plan, nats.SERVICE_USER, "witness", "bravo")
    system = await connect(plan, nats.SYSTEM_USER, "witness", "bravo")
    try:
        site = Masters(processes, await found(plan, client), client, system)
        trust = TrustStore.load(plan.node_folder(plan.masters[0].name) / TRUST_FILE)
        psk = plan.secret("psk").read_text().strip()
        site.services = await ProvingServices.start(client, trust, psk)
        await client.subscribe("meridian.failover.*.grant", cb=site.on_grant)
        await client.subscribe("meridian.node.*.heartbeat", cb=site.on_heartbeat)
        yield site
        for database in site.databases.values():
            await database.close()
    finally:
        await client.close()
        await system.close()
