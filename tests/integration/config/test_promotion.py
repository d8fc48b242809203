# pyright: reportUnknownMemberType=false
"""A log that begins on a NATS server in no cluster, from a real PostgreSQL."""

from collections.abc import AsyncGenerator
from dataclasses import dataclass
from functools import partial
from typing import Any

import nats
import pytest
import pytest_asyncio
from nats.aio.client import Client

from services.config.repair.generation import GenerationStarter, LogStreams
from services.config.repair.lease import make_lease
from services.config.repair.log_server import LogServer
from services.config.repair.positions import MasterPositions, PositionReporter
from services.config.repair.promotion import Promoter
from services.config.repair.rebuilding import Rebuilder
from shared.clusterlog.generations import find_last_begun, read_hash
from shared.clusterlog.log import ClusterLog, EntrySigner
from shared.domain.errors import QuorumThere, Unavailable
from shared.domain.log import LogEntry, Op
from shared.events.config import GenerationBegun, PromoteAlone
from shared.events.message import Event, Message, Request
from shared.events.replication import LogRebuilt
from shared.messaging.alone import is_alone, possible_replicas
from shared.messaging.connection import jetstream_of
from shared.messaging.streams import ensure_streams
from shared.persistence.master_state import MasterState
from shared.persistence.pool import Database
from shared.runtime.clock import SystemClock
from tests.fakes.responder import Responder
from tests.integration.entries import ALPHA, CLUSTER, GENERATION, Pen, node, put
from tests.integration.servers import NatsCluster, NatsServer

pytestmark = pytest.mark.integration

WANTED = 3
"""How many servers a site's settings name; the server alone carries one."""


class Nobody(Responder):
    """The other side: never asked, and never there."""

    async def respond(self, request: Request[Any], timeout_seconds: float) -> Message:
        raise Unavailable(f"{type(request).__name__}: nobody answers in {timeout_seconds}")

    def emit(self, event: Event) -> None:
        assert isinstance(event, LogRebuilt)


@dataclass
class Place:
    """Alpha with one entry in its database, and a server without a log."""

    client: Client
    pen: Pen
    state: MasterState
    promoter: Promoter

    async def promote(self) -> GenerationBegun:
        order = PromoteAlone(node=ALPHA, force=True, author="rita", reason="it burnt")
        return await self.promoter.promote(order)


@pytest_asyncio.fixture
async def place(nats_server: NatsServer, postgres_url: str) -> AsyncGenerator[Place]:
    client, database = await nats.connect(nats_server.url), Database(postgres_url)
    state, pen, nobody = MasterState(database), Pen(), Nobody()
    await state.found(CLUSTER, GENERATION)
    async with state.transaction() as transaction:
        entry = pen.write(put("node", "berlin", node(), "r-berlin"))
        await transaction.apply(entry, pen.position.sequence)
    log, signer = ClusterLog(client, GENERATION), EntrySigner(ALPHA, pen.key)
    reporter = PositionReporter(signer, state, lambda: None)
    streams = LogStreams(log, pen.trust(), partial(make_lease, client))
    rebuilder = Rebuilder(
        MasterPositions(reporter, pen.trust(), log, nobody),
        GenerationStarter(signer, state, streams, SystemClock()),
        *(nobody, WANTED),
    )
    promoter = Promoter(ALPHA, rebuilder, LogServer(client, ALPHA), state, lambda: False)
    yield Place(client, pen, state, promoter)
    await client.close()
    await database.close()


async def test_the_log_goes_on_alone_and_far_ahead_and_only_once(place: Place) -> None:
    before = place.pen.position
    answer = await place.promote()
    assert (answer.log_generation, answer.revision) == (2, before.revision + 1)
    position = await place.state.position()
    assert position is not None
    assert (position.log_generation, position.epoch) == (2, before.epoch + 1000)
    log = ClusterLog(place.client, GENERATION)
    assert await read_hash(log.of(position.log_generation), position) == answer.hash
    begun = await find_last_begun(log, place.pen.trust())
    assert begun is not None
    assert _ops(begun.first) == [Op.GENERATION_BEGAN, Op.EPOCH_BEGAN]
    with pytest.raises(QuorumThere):
        await place.promote()


async def test_a_server_alone_says_so_and_carries_every_stream_once(place: Place) -> None:
    assert await is_alone(place.client)
    jetstream = jetstream_of(place.client)
    await ensure_streams(jetstream, await possible_replicas(place.client, WANTED))
    found = await jetstream.stream_info("SESSIONS")
    assert found.config.num_replicas == 1


async def test_a_server_of_a_cluster_never_says_that_it_is_alone(
    nats_cluster: NatsCluster,
) -> None:
    first, *others = nats_cluster.servers.values()
    client = await nats.connect(first.url, allow_reconnect=False)
    try:
        assert await possible_replicas(client, WANTED) == WANTED
        for server in others:
            server.kill()
        assert not await is_alone(client)
        assert not await LogServer(client, ALPHA).can_write_lease()
    finally:
        await client.close()


def _ops(entry: LogEntry) -> list[Op]:
    return [change.op for change in entry.changes]
