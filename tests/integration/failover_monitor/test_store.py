# pyright: reportUnknownMemberType=false
"""The lease's key on a real server: what each answer of it means to the core."""

import asyncio
from collections.abc import AsyncGenerator, Callable

import nats
import pytest
import pytest_asyncio
from nats.aio.client import Client
from nats.js import JetStreamContext
from nats.js.api import KeyValueConfig, StorageType

from services.failover_monitor.core.facts import WriteFailure
from services.failover_monitor.core.record import KeyState, LeaseRecord
from services.failover_monitor.lease.store import (
    KEY_SUBJECT,
    JetStreamLease,
    RecordSigner,
)
from shared.crypto.nodekeys import NodeKey, TrustStore
from shared.domain.errors import Rejected
from shared.domain.ids import ClusterId, Epoch, LogGeneration, NodeId
from shared.messaging.jetstream import EXPECTED_LAST_ON_SUBJECT as EXPECTED_LAST
from shared.runtime.clock import SystemClock
from tests.integration.servers import NatsServer

pytestmark = pytest.mark.integration

ALPHA, BRAVO = NodeId("alpha"), NodeId("bravo")
KEYS = {ALPHA: NodeKey.generate(), BRAVO: NodeKey.generate()}
TRUST = {node: key.public_b64 for node, key in KEYS.items()}
SECONDS = 0.25


def record(n: int = 1, holder: NodeId = ALPHA, replaces: int = 0) -> LeaseRecord:
    return LeaseRecord(Epoch(3), holder, f"{holder}-1", n, 1.5, 0.15, replaces)


def _nobody(_: Rejected) -> None:
    """Nobody counts what is refused."""


def lease(
    client: Client,
    node: NodeId = ALPHA,
    key: NodeKey | None = None,
    refused: Callable[[Rejected], None] = _nobody,
) -> JetStreamLease:
    trust = TrustStore(ClusterId("c"), LogGeneration(1), dict(TRUST))
    return JetStreamLease(client, RecordSigner(node, key or KEYS[node], trust), SECONDS, refused)


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


async def test_a_missing_key_is_distinguished_from_a_missing_bucket(client: Client) -> None:
    assert await lease(client).read() is None
    assert await lease(client).write(record(), 0) is WriteFailure.UNKNOWN
    config = KeyValueConfig("lease", history=1, storage=StorageType.FILE)
    await JetStreamContext(client).create_key_value(config)
    made = await lease(client).read()
    assert made is not None
    assert made.record is None
    assert made.revision > 0, "an empty message stands there now"
    assert await lease(client, BRAVO).read() == made


async def test_only_a_write_on_the_last_revision_succeeds(bucket: Client) -> None:
    alpha, bravo = lease(bucket), lease(bucket, BRAVO)
    first = await alpha.write(record(), 0)
    assert isinstance(first, int)
    assert await bravo.write(record(holder=BRAVO), 0) is WriteFailure.REFUSED
    second = await alpha.write(record(2, replaces=first), first)
    assert isinstance(second, int)
    assert second > first
    assert await bravo.write(record(holder=BRAVO), first) is WriteFailure.REFUSED
    assert await bravo.read() == KeyState(record(2, replaces=first), second)


JUNK = {
    "nothing": b"",
    "no JSON": b"?",
    "no record": b'{"record":"{}","signer":"alpha","signature":""}',
    "deep": b"[" * 200_000,
    "as large as a message": b"x" * 1_000_000,
    "not text": b"\xff\xfe\x00",
    "not ASCII": '{"record":"{}","signer":"ålpha","signature":"é"}'.encode(),
    "half a surrogate": b'{"record":"\\ud800","signer":"alpha","signature":""}',
    "endless epoch": b'{"record":"{\\"epoch\\":1e999}","signer":"alpha","signature":""}',
    "4,000 digits": b'{"record":"{\\"epoch\\":' + b"9" * 4000 + b'}","signer":"a","signature":""}',
}


@pytest.mark.parametrize("junk", JUNK.values(), ids=JUNK.keys())
async def test_a_spoiled_key_names_nobody_and_is_written_again_on_its_revision(
    bucket: Client, junk: bytes
) -> None:
    refused: list[Rejected] = []
    alpha = lease(bucket, refused=refused.append)
    await alpha.write(record(), 0)
    ack = await JetStreamContext(bucket).publish(KEY_SUBJECT, junk)
    assert await alpha.read() == KeyState(None, ack.seq)
    assert await alpha.read() == KeyState(None, ack.seq)
    assert len(refused) == bool(junk), "counted once, not at each read"
    assert isinstance(await alpha.write(record(2, replaces=ack.seq), ack.seq), int)


async def test_headers_that_nobody_can_read_spoil_only_the_key(bucket: Client) -> None:
    alpha = lease(bucket)
    first = await alpha.write(record(), 0)
    assert isinstance(first, int)
    stored = await JetStreamContext(bucket).get_last_msg("KV_lease", KEY_SUBJECT)
    for headers in ({"Name": "würde"}, {EXPECTED_LAST.lower(): "0", "Other": "1"}):
        ack = await JetStreamContext(bucket).publish(
            KEY_SUBJECT, stored.data or b"", headers=headers
        )
        assert await alpha.read() == KeyState(None, ack.seq)


async def test_a_copy_of_a_record_names_nobody_whatever_it_has_the_server_compare(
    bucket: Client,
) -> None:
    alpha, jetstream = lease(bucket), JetStreamContext(bucket)
    first = await alpha.write(record(), 0)
    assert isinstance(first, int)
    copy = (await jetstream.get_last_msg("KV_lease", KEY_SUBJECT)).data or b""
    assert await alpha.read() == KeyState(record(), first)
    ack = await jetstream.publish(KEY_SUBJECT, copy)
    assert await alpha.read() == KeyState(None, ack.seq)
    ack = await jetstream.publish(KEY_SUBJECT, copy, headers={EXPECTED_LAST: str(ack.seq)})
    assert await alpha.read() == KeyState(None, ack.seq)
    ack = await jetstream.publish(KEY_SUBJECT, copy, headers={f"{EXPECTED_LAST}-Old": "0"})
    assert await alpha.read() == KeyState(None, ack.seq)


async def test_a_deleted_key_names_nobody_and_is_written_again(bucket: Client) -> None:
    alpha = lease(bucket)
    await alpha.write(record(), 0)
    await (await JetStreamContext(bucket).key_value("lease")).delete("primary")
    seen = await alpha.read()
    assert seen is not None
    assert seen.record is None
    again = await alpha.write(record(2, replaces=seen.revision), seen.revision)
    assert isinstance(again, int)
    assert again > seen.revision


async def test_a_key_that_was_purged_goes_on_beyond_every_revision_that_it_had(
    bucket: Client,
) -> None:
    alpha = lease(bucket)
    first = await alpha.write(record(), 0)
    assert isinstance(first, int)
    await JetStreamContext(bucket).purge_stream("KV_lease", subject=KEY_SUBJECT)
    seen = await alpha.read()
    assert seen is not None
    assert seen.record is None
    assert seen.revision > first
    assert await alpha.write(record(2), 0) is WriteFailure.REFUSED, "revision 0 comes only once"
    assert await alpha.write(record(2, replaces=first), first) is WriteFailure.REFUSED


async def test_a_record_that_a_stranger_signed_names_nobody(bucket: Client) -> None:
    forger = lease(bucket, BRAVO, NodeKey.generate())
    revision = await forger.write(record(holder=BRAVO), 0)
    assert isinstance(revision, int)
    assert await lease(bucket).read() == KeyState(None, revision)


async def test_a_frozen_server_leaves_the_outcome_unknown_within_the_limit(
    bucket: Client, nats_server: NatsServer
) -> None:
    clock, alpha = SystemClock(), lease(bucket)
    nats_server.freeze()
    begin = clock.now()
    assert await alpha.read() is None
    assert await alpha.write(record(), 0) is WriteFailure.UNKNOWN
    assert clock.now() - begin < 2 * SECONDS + 0.5
    nats_server.thaw()


async def test_a_write_without_an_answer_may_have_landed_and_a_read_shows(
    bucket: Client, nats_server: NatsServer
) -> None:
    alpha = lease(bucket)
    nats_server.freeze()
    assert await alpha.write(record(), 0) is WriteFailure.UNKNOWN
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
    assert await apart.write(record(), 0) is WriteFailure.UNKNOWN
    assert clock.now() - begin < SECONDS
