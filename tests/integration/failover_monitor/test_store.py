# pyright: reportUnknownMemberType=false
"""The lease's key on a real server: what each answer of it means to the core."""

import asyncio
from collections.abc import AsyncGenerator

import nats
import pytest
import pytest_asyncio
from nats.aio.client import Client
from nats.js import JetStreamContext
from nats.js.api import KeyValueConfig, StorageType

from services.failover_monitor.core.effects import Refusal
from services.failover_monitor.core.record import MISSING, LeaseRecord, Seen
from services.failover_monitor.store import KEY_SUBJECT, JetStreamLease, Seal
from shared.crypto.nodekeys import NodeKey, TrustStore
from shared.domain.ids import ClusterId, Epoch, LogGeneration, NodeId
from shared.runtime.clock import SystemClock
from tests.integration.servers import NatsServer

pytestmark = pytest.mark.integration

ALPHA, BRAVO = NodeId("alpha"), NodeId("bravo")
KEYS = {ALPHA: NodeKey.generate(), BRAVO: NodeKey.generate()}
TRUST = {node: key.public_b64 for node, key in KEYS.items()}
SECONDS = 0.25


def record(n: int = 1, holder: NodeId = ALPHA) -> LeaseRecord:
    return LeaseRecord(Epoch(3), holder, f"{holder}-1", n, 1.5, 0.15)


def lease(client: Client, node: NodeId = ALPHA, key: NodeKey | None = None) -> JetStreamLease:
    trust = TrustStore(ClusterId("c"), LogGeneration(1), dict(TRUST))
    return JetStreamLease(client, Seal(node, key or KEYS[node], trust), SECONDS, lambda _: None)


async def _quiet(_error: Exception) -> None:
    """Servers are stopped on purpose."""


@pytest_asyncio.fixture
async def client(nats_server: NatsServer) -> AsyncGenerator[Client]:
    client = await nats.connect(nats_server.url, error_cb=_quiet, allow_reconnect=False)
    yield client
    await client.close()


@pytest_asyncio.fixture
async def bucket(client: Client) -> Client:
    config = KeyValueConfig("lease", history=1, storage=StorageType.FILE)
    await JetStreamContext(client).create_key_value(config)
    return client


async def test_a_missing_key_is_told_from_a_missing_bucket(client: Client) -> None:
    assert await lease(client).read() is None
    assert await lease(client).write(record(), 0) is Refusal.UNKNOWN
    config = KeyValueConfig("lease", history=1, storage=StorageType.FILE)
    await JetStreamContext(client).create_key_value(config)
    assert await lease(client).read() == MISSING


async def test_what_one_master_wrote_the_other_reads_at_that_revision(bucket: Client) -> None:
    revision = await lease(bucket).write(record(), 0)
    assert isinstance(revision, int)
    assert await lease(bucket, BRAVO).read() == Seen(record(), revision)


async def test_only_a_write_on_the_last_revision_succeeds(bucket: Client) -> None:
    alpha, bravo = lease(bucket), lease(bucket, BRAVO)
    first = await alpha.write(record(), 0)
    assert isinstance(first, int)
    assert await bravo.write(record(holder=BRAVO), 0) is Refusal.REFUSED
    second = await alpha.write(record(2), first)
    assert isinstance(second, int)
    assert second > first
    assert await bravo.write(record(holder=BRAVO), first) is Refusal.REFUSED
    assert await bravo.read() == Seen(record(2), second)


async def test_the_same_record_written_twice_is_no_duplicate_that_succeeds(bucket: Client) -> None:
    alpha = lease(bucket)
    assert isinstance(await alpha.write(record(), 0), int)
    assert await alpha.write(record(), 0) is Refusal.REFUSED


@pytest.mark.parametrize("junk", [b"", b"?", b'{"record":"{}","signer":"alpha","signature":""}'])
async def test_a_spoiled_key_names_nobody_and_is_written_again_on_its_revision(
    bucket: Client, junk: bytes, caplog: pytest.LogCaptureFixture
) -> None:
    alpha = lease(bucket)
    await alpha.write(record(), 0)
    ack = await JetStreamContext(bucket).publish(KEY_SUBJECT, junk)
    assert await alpha.read() == Seen(None, ack.seq)
    assert await alpha.read() == Seen(None, ack.seq)
    assert [each.levelname for each in caplog.records] == ["ERROR"], "said once, not at each read"
    assert isinstance(await alpha.write(record(2), ack.seq), int)


async def test_a_deleted_key_names_nobody_and_is_written_again(bucket: Client) -> None:
    alpha = lease(bucket)
    await alpha.write(record(), 0)
    await (await JetStreamContext(bucket).key_value("lease")).delete("primary")
    seen = await alpha.read()
    assert seen is not None
    assert seen.record is None
    assert isinstance(await alpha.write(record(2), seen.revision), int)


async def test_a_record_that_a_stranger_signed_names_nobody(bucket: Client) -> None:
    forger = lease(bucket, BRAVO, NodeKey.generate())
    revision = await forger.write(record(holder=BRAVO), 0)
    assert isinstance(revision, int)
    assert await lease(bucket).read() == Seen(None, revision)


async def test_a_frozen_server_leaves_the_outcome_unknown_within_the_limit(
    bucket: Client, nats_server: NatsServer
) -> None:
    clock, alpha = SystemClock(), lease(bucket)
    nats_server.freeze()
    begin = clock.now()
    assert await alpha.read() is None
    assert await alpha.write(record(), 0) is Refusal.UNKNOWN
    assert clock.now() - begin < 2 * SECONDS + 0.5
    nats_server.thaw()


async def test_a_write_without_an_answer_may_have_landed_and_a_read_tells(
    bucket: Client, nats_server: NatsServer
) -> None:
    alpha = lease(bucket)
    nats_server.freeze()
    assert await alpha.write(record(), 0) is Refusal.UNKNOWN
    nats_server.thaw()
    async with asyncio.timeout(SECONDS):
        while (seen := await alpha.read()) is None or seen.record is None:
            await asyncio.sleep(0.01)
    assert seen.record == record()


async def test_without_a_connection_nothing_is_found_out_and_nothing_waits(
    nats_server: NatsServer,
) -> None:
    clock, apart = SystemClock(), lease(Client())
    begin = clock.now()
    assert await apart.read() is None
    assert await apart.write(record(), 0) is Refusal.UNKNOWN
    assert clock.now() - begin < SECONDS
