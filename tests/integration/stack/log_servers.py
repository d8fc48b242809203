# pyright: reportUnknownMemberType=false
"""Three NATS servers with a site's own configuration and streams, and nothing else of a site."""

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from dataclasses import dataclass

import nats as nats_client
from nats.aio.client import Client

from services.config.repair.lease import make_lease
from shared.clusterlog.log import ClusterLog
from shared.domain.ids import LogGeneration
from shared.messaging.connection import jetstream_of
from shared.messaging.streams import ensure_streams
from stack import binaries, folder, layout, nats
from stack.layout import Layout
from stack.ports import HOST, reserve
from stack.process_group import NATS, ProcessGroup
from stack.processes import ForkServerClient
from stack.servers import wait_for_brokers

SECONDS = 30.0
REPLICAS = 3


async def _quiet(_error: Exception) -> None:
    """Refusals arrive here; a test looks at what they prevent."""


@dataclass
class LogServers:
    """The servers; `service` and `events` are users of a site."""

    layout: Layout

    @asynccontextmanager
    async def connected(self, user: str, node: str = "alpha") -> AsyncGenerator[Client]:
        server = self.layout.node(node).nats
        assert server is not None
        client = await nats_client.connect(
            f"nats://{HOST}:{server.client}",
            user=user,
            password=self.layout.secret(nats.secret_name(user)).read_text(),
            inbox_prefix=f"_INBOX.{user}".encode(),
            error_cb=_quiet,
        )
        try:
            yield client
        finally:
            await client.close()


@asynccontextmanager
async def log_servers() -> AsyncGenerator[LogServers]:
    """Started, with every stream that a site has."""
    place = folder.take_folder(None)
    block = reserve()
    plan = layout.plan("test.example", place.path, block.guard, block.take)
    plan.state.chmod(0o711)
    for each in ("logs", "secrets", "nats"):
        (plan.state / each).mkdir(mode=0o711)
    nats.make_secrets(plan)
    fork_server = await ForkServerClient.start(plan.logs / "fork_server.log")
    processes = ProcessGroup(
        plan, fork_server, binaries.find_nats_server(), binaries.find_postgres(place.path)
    )
    try:
        for node in plan.servers:
            await processes.start(node, NATS)
        await wait_for_brokers(processes, SECONDS)
        servers = LogServers(plan)
        async with servers.connected(nats.SERVICE_USER) as client:
            await make_log(client, LogGeneration(1))
            await make_lease(client, REPLICAS, LogGeneration(1))
            await ensure_streams(jetstream_of(client, SECONDS), REPLICAS)
        yield servers
    finally:
        await processes.stop()
        await fork_server.close()
        block.close()
        place.release()


async def make_log(client: Client, generation: LogGeneration) -> None:
    """Make the log of one generation."""
    await ClusterLog(client, generation).create(REPLICAS)
