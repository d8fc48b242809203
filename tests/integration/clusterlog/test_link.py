# pyright: reportUnknownMemberType=false
"""The connection to the log on real NATS servers: who answers on it, and who need not."""

import asyncio

import pytest

from shared.clusterlog.link import LogLink
from shared.clusterlog.log import ClusterLog
from shared.domain.errors import LogUnavailable
from shared.messaging.client import SafeClient
from tests.integration.clusterlog.test_log import connected, ignore
from tests.integration.entries import GENERATION
from tests.integration.servers import NatsCluster, NatsServer

pytestmark = pytest.mark.integration


async def test_a_link_works_while_a_server_answers_on_it(nats_server: NatsServer) -> None:
    client = SafeClient()
    await client.connect(nats_server.url, error_cb=ignore)
    link = LogLink(client, lambda: GENERATION)
    try:
        await link.check_link(1.0)  # there is no log yet: the server says so
        await ClusterLog(client, GENERATION).create(1)
        await link.check_link(1.0)
        nats_server.freeze()
        with pytest.raises(LogUnavailable, match="is silent"):
            await link.check_link(0.5)
        nats_server.thaw()
        await link.check_link(3.0)
        await link.check_link(3.0)  # a pong that came too late ended nothing
        nats_server.kill()
        async with asyncio.timeout(10):
            while client.is_connected:
                await asyncio.sleep(0.05)
        with pytest.raises(LogUnavailable, match="no connection"):
            await link.check_link(0.5)
    finally:
        await client.close()


async def test_a_log_without_a_leader_is_no_fault_of_the_link(nats_cluster: NatsCluster) -> None:
    survivor, *others = nats_cluster.servers.values()
    async with connected(survivor.url) as client:
        log, link = ClusterLog(client, GENERATION), LogLink(client, lambda: GENERATION)
        await log.create(3)
        for each in others:
            each.kill()
        async with asyncio.timeout(30):
            while await is_answering(log):  # the survivor notices its followers' silence late
                await asyncio.sleep(0.1)
        for _ in range(3):
            await link.check_link(1.0)


async def is_answering(log: ClusterLog) -> bool:
    try:
        await log.last()
    except LogUnavailable:
        return False
    return True
