# pyright: reportUnknownMemberType=false
"""A large master state, from one database through the object store into another."""

from collections.abc import AsyncGenerator, Awaitable, Callable
from pathlib import Path

import nats
import pytest
import pytest_asyncio
from nats.aio.client import Client

from services.replication.replica.store import MasterStore
from services.replication.snapshots.chunk_cache import ChunkCache
from services.replication.snapshots.exchange import SnapshotExchange
from shared.clusterlog.log import ClusterLog
from shared.domain.document import Document
from shared.domain.ids import Revision
from shared.domain.snapshot import Scope
from shared.messaging.connection import jetstream_of
from shared.messaging.streams import ensure_streams
from shared.persistence.master_state import MasterState
from shared.persistence.pool import Database
from shared.runtime.clock import SystemClock
from tests.integration.entries import ALPHA, CLUSTER, GENERATION, EntryWriter, node, put
from tests.integration.replication.test_exchange import Answers
from tests.integration.servers import NatsServer

pytestmark = pytest.mark.integration

NODES = 10_000
REQUESTS = 20_000


@pytest_asyncio.fixture
async def client(nats_server: NatsServer) -> AsyncGenerator[Client]:
    made = await nats.connect(nats_server.url)
    await ensure_streams(jetstream_of(made), 1)
    yield made
    await made.close()


async def filled(database: Database, entry_writer: EntryWriter) -> None:
    """The first entry, and then ten thousand nodes and as many requests behind it."""
    state = MasterState(database)
    await state.found(CLUSTER, GENERATION)
    async with state.transaction() as transaction:
        await transaction.apply(
            entry_writer.write(put("node", "first", node())), entry_writer.position.sequence
        )
    async with database.connection() as connection:
        await connection.execute(
            "INSERT INTO document SELECT 'node', 'n' || i, 1,"
            " jsonb_build_object('role', 'traffic', 'region', repeat('x', 300))"
            " FROM generate_series(1, $1) i",
            NODES,
        )
        await connection.execute(
            "INSERT INTO request SELECT md5(i::text), md5(i::text) || md5((-i)::text), i, i"
            " FROM generate_series(1, $1) i",
            REQUESTS,
        )


async def test_ten_thousand_nodes_and_their_requests_arrive_as_they_were(
    client: Client, new_database: Callable[[], Awaitable[str]], tmp_path: Path
) -> None:
    entry_writer, answers = EntryWriter(), Answers()
    log = ClusterLog(client, GENERATION)
    await log.create(1)
    source, target = Database(await new_database()), Database(await new_database())
    try:
        await filled(source, entry_writer)
        raw = await log_first(source)
        await jetstream_of(client).publish(f"meridian.log.{GENERATION}.entry", raw)
        stores = tuple(MasterStore(MasterState(each), SystemClock()) for each in (source, target))
        await MasterState(target).found(CLUSTER, GENERATION)
        sender, receiver = (
            SnapshotExchange(
                node=ALPHA,
                key=entry_writer.key,
                trust=entry_writer.trust(),
                client=client,
                log=log,
                store=store,
                publisher=answers,
                cache=ChunkCache(tmp_path),
            )
            for store in stores
        )
        answers.offer = await sender.offer(Scope.FULL)
        content = await receiver.fetch(Scope.FULL, Revision(1))
        largest = max(len(chunk.documents) + len(chunk.requests) for chunk in content.chunks())
        assert largest < (NODES + REQUESTS) / 2, "it is not in memory at once"
        await stores[1].load(content)
        given, taken = [await store.snapshot() for store in stores]
        assert len(taken.documents) == NODES + 1
        assert len(taken.requests) == REQUESTS
        assert taken == given
        assert Document("node", "first", Revision(1), node()) in taken.documents
    finally:
        await source.close()
        await target.close()


async def log_first(database: Database) -> bytes:
    (message,) = await MasterState(database).entries(None, 1)
    return message
