# pyright: reportUnknownMemberType=false
"""The cluster log on real NATS servers: one history, whoever writes and whatever dies."""

import asyncio
import contextlib
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager

import nats
import pytest
import pytest_asyncio
from nats.aio.client import Client
from nats.js.errors import APIError

from shared.clusterlog.log import (
    CALL_SECONDS,
    ClusterLog,
    LogConflict,
    LogMissing,
    RawEntry,
    verify,
)
from shared.clusterlog.names import stream_name, subject_name
from shared.crypto.nodekeys import NodeKey
from shared.domain.errors import LogUnavailable, OutcomeUnknown
from shared.domain.ids import LogGeneration, NodeId, Sequence
from shared.domain.log import StoredEntry
from shared.messaging.connection import jetstream_of
from tests.integration.entries import GENERATION, EntryWriter, append_entries, node, put
from tests.integration.servers import NatsCluster, NatsServer

pytestmark = pytest.mark.integration


async def ignore(_error: Exception) -> None:
    """Servers are killed on purpose."""


@asynccontextmanager
async def connected(*urls: str) -> AsyncGenerator[Client]:
    client = await nats.connect(
        list(urls),
        max_reconnect_attempts=-1,
        reconnect_time_wait=0.1,
        dont_randomize=True,
        error_cb=ignore,
    )
    try:
        yield client
    finally:
        await client.close()


@pytest_asyncio.fixture
async def client(nats_server: NatsServer) -> AsyncGenerator[Client]:
    async with connected(nats_server.url) as client:
        yield client


@pytest_asyncio.fixture
async def log(client: Client) -> ClusterLog:
    log = ClusterLog(client, GENERATION)
    await log.create(1)
    return log


@pytest.fixture
def entry_writer() -> EntryWriter:
    return EntryWriter()


async def test_a_generation_has_a_stream_and_a_subject_of_its_own() -> None:
    assert stream_name(LogGeneration(3)) == "LOG-3"
    assert subject_name(LogGeneration(3)) == "meridian.log.3.entry"


async def test_an_append_without_an_answer_is_sent_again_and_counts_once(
    log: ClusterLog, entry_writer: EntryWriter, nats_server: NatsServer
) -> None:
    await append_entries(log, entry_writer, "berlin")
    nats_server.freeze()
    appending = asyncio.create_task(append_entries(log, entry_writer, "denver"))
    await asyncio.sleep(CALL_SECONDS * 1.3)
    nats_server.thaw()
    (entry,) = await appending
    assert await log.last() == RawEntry(Sequence(2), entry.encode())


async def test_an_append_that_stays_without_an_answer_is_unknown(
    log: ClusterLog, entry_writer: EntryWriter, nats_server: NatsServer
) -> None:
    nats_server.freeze()
    with pytest.raises(OutcomeUnknown):
        await append_entries(log, entry_writer, "berlin")
    nats_server.thaw()


async def test_nobody_deletes_or_purges_it(
    log: ClusterLog, client: Client, entry_writer: EntryWriter
) -> None:
    await append_entries(log, entry_writer, "berlin")
    jetstream = jetstream_of(client)
    with pytest.raises(APIError):
        await jetstream.delete_msg("LOG-1", 1)
    with pytest.raises(APIError):
        await jetstream.purge_stream("LOG-1")
    assert await log.last() is not None


async def test_a_log_that_is_not_there_is_missing_and_not_made(
    client: Client, entry_writer: EntryWriter
) -> None:
    log = ClusterLog(client, GENERATION)
    assert not await log.exists()
    for look in (log.last(), log.get(Sequence(1))):
        with pytest.raises(LogMissing, match="LOG-1 is not there"):
            await look
    with pytest.raises(LogUnavailable):
        await anext(log.follow(Sequence(1)))
    assert not await log.exists()


async def test_without_a_connection_nothing_is_attempted(entry_writer: EntryWriter) -> None:
    log = ClusterLog(Client(), GENERATION)
    with pytest.raises(LogUnavailable, match="no connection"):
        await log.last()
    with pytest.raises(LogUnavailable, match="no connection"):
        await log.append(entry_writer.write(), Sequence(0))
    with pytest.raises(LogUnavailable, match="no connection"):
        await log.exists()


async def test_only_a_known_master_signs_entries(entry_writer: EntryWriter) -> None:
    trust = entry_writer.trust()
    entry = entry_writer.write(put("node", "berlin", node()))
    assert verify(entry, trust)
    assert not verify(EntryWriter(NodeKey.generate()).write(put("node", "berlin", node())), trust)
    stranger = StoredEntry(entry.body, entry.hash, NodeId("mallory"), entry.signature)
    assert not verify(stranger, trust)


async def test_an_append_waits_out_the_election_of_a_leader(
    nats_cluster: NatsCluster, entry_writer: EntryWriter
) -> None:
    async with connected(*nats_cluster.urls) as client:
        log = ClusterLog(client, GENERATION)
        await made(log)
        await append_entries(log, entry_writer, "berlin")
        leader = (await jetstream_of(client).stream_info("LOG-1")).cluster
        assert leader is not None
        assert leader.leader is not None
        nats_cluster.servers[leader.leader].kill()
        await patiently_append_entries(log, entry_writer, "denver")
        assert (await log.last()) is not None


async def test_a_follower_survives_the_loss_of_any_server(
    nats_cluster: NatsCluster, entry_writer: EntryWriter
) -> None:
    async with connected(*nats_cluster.urls) as client:
        log = ClusterLog(client, GENERATION)
        await made(log)
        await append_entries(log, entry_writer, "first")
        seen: set[int] = set()

        async def follow() -> None:
            while True:
                with contextlib.suppress(LogUnavailable):
                    async for raw in log.follow(Sequence(1)):
                        seen.add(raw.sequence)
                await asyncio.sleep(0.2)

        following = asyncio.create_task(follow())
        for name in ("alpha", "bravo", "witness"):
            nats_cluster.servers[name].kill()
            await patiently_append_entries(log, entry_writer, f"without-{name}")
            async with asyncio.timeout(30):
                while entry_writer.position.sequence not in seen:
                    await asyncio.sleep(0.05)
            nats_cluster.servers[name].start()
            await asyncio.to_thread(nats_cluster.wait_ready)
        following.cancel()
        assert seen == {1, 2, 3, 4}


async def made(log: ClusterLog) -> None:
    """Make the log as soon as JetStream has a leader."""
    async with asyncio.timeout(30):
        while True:
            try:
                await log.create(3)
            except LogConflict:
                return
            except LogUnavailable:
                await asyncio.sleep(0.2)
            else:
                return


async def patiently_append_entries(log: ClusterLog, entry_writer: EntryWriter, name: str) -> None:
    """Append while an election goes on: the identical entry again until it counts."""
    end = entry_writer.position.sequence
    entry = entry_writer.write(put("node", name, node()))
    async with asyncio.timeout(40):
        while True:
            try:
                assert await log.append(entry, end) == end + 1
            except (LogUnavailable, OutcomeUnknown):
                await asyncio.sleep(0.2)
            except LogConflict:
                raw = await log.get(Sequence(end + 1))
                assert raw == RawEntry(Sequence(end + 1), entry.encode())
                return
            else:
                return
