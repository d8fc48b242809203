# pyright: reportUnknownMemberType=false
"""What every store of the lease promises: one key, compare-and-set, and junk that names nobody."""

from abc import ABC, abstractmethod
from collections.abc import AsyncGenerator
from dataclasses import dataclass

import pytest
import pytest_asyncio
from nats.aio.client import Client
from nats.js.api import KeyValueConfig, StorageType

from services.failover_monitor.core.facts import WriteFailure
from services.failover_monitor.core.record import KeyState, LeaseRecord
from services.failover_monitor.lease.store import (
    KEY_SUBJECT,
    JetStreamLease,
    LeaseStore,
    RecordSigner,
)
from shared.crypto.nodekeys import NodeKey, TrustStore
from shared.domain.errors import Rejected
from shared.domain.ids import ClusterId, Epoch, LogGeneration, NodeId
from shared.messaging.jetstream import EXPECTED_LAST_ON_SUBJECT
from shared.messaging.streams import LEASE
from tests.contract.servers import MEMORY, NATS, log_server
from tests.fakes.lease import LeaseKey, MemoryLease

ALPHA, BRAVO = NodeId("alpha"), NodeId("bravo")
SECONDS = 2.0


class Case(ABC):
    """Two masters' ways to one key, and a stranger's."""

    alpha: LeaseStore
    bravo: LeaseStore

    @abstractmethod
    async def cut_off(self) -> None:
        """Nothing of alpha's reaches the servers any more."""

    @abstractmethod
    async def put_junk(self) -> None: ...
    @abstractmethod
    async def put_again(self, record: LeaseRecord) -> None:
        """Put a record of alpha's there once more, as its signer wrote it, without comparing."""

    @abstractmethod
    async def delete(self) -> None: ...


class MemoryCase(Case):
    def __init__(self) -> None:
        self.key = LeaseKey()
        self.alpha, self.bravo = MemoryLease(self.key), MemoryLease(self.key)

    async def cut_off(self) -> None:
        self.alpha = MemoryLease(self.key, is_reachable=False)

    async def put_junk(self) -> None:
        self.key.spoil(None)

    async def put_again(self, record: LeaseRecord) -> None:
        self.key.spoil(record)

    async def delete(self) -> None:
        self.key.purge()


@dataclass
class NatsCase(Case):
    client: Client
    stranger: Client

    def __post_init__(self) -> None:
        keys = {node: NodeKey.generate() for node in (ALPHA, BRAVO)}
        trust = TrustStore(
            ClusterId("c"), LogGeneration(1), {node: key.public_b64 for node, key in keys.items()}
        )
        self.signers = {node: RecordSigner(node, key, trust) for node, key in keys.items()}
        self.alpha, self.bravo = (
            JetStreamLease(client, self.signers[node], SECONDS, _ignore)
            for node, client in ((ALPHA, self.client), (BRAVO, self.stranger))
        )

    async def cut_off(self) -> None:
        await self.client.close()

    async def put_junk(self) -> None:
        await self.stranger.jetstream().publish(KEY_SUBJECT, b"?")

    async def put_again(self, record: LeaseRecord) -> None:
        data, end = self.signers[ALPHA].sign(record), await self.bravo.read()
        assert end is not None, "the key is there"
        headers = {EXPECTED_LAST_ON_SUBJECT: str(end.revision)}
        await self.stranger.jetstream().publish(KEY_SUBJECT, data, headers=headers)

    async def delete(self) -> None:
        await self.stranger.jetstream().purge_stream(LEASE, subject=KEY_SUBJECT)


def _ignore(_: Rejected) -> None:
    """Nobody counts what is refused."""


@pytest_asyncio.fixture(params=[MEMORY, NATS])
async def case(request: pytest.FixtureRequest) -> AsyncGenerator[Case]:
    if request.param == MEMORY:
        yield MemoryCase()
        return
    server = log_server(request)
    account = server.new_account()
    async with server.connected(account) as client, server.connected(account) as stranger:
        bucket = KeyValueConfig("lease", history=1, storage=StorageType.FILE)
        await stranger.jetstream().create_key_value(bucket)
        yield NatsCase(client, stranger)


def record(n: int = 1, holder: NodeId = ALPHA, replaces: int = 0) -> LeaseRecord:
    return LeaseRecord(Epoch(3), holder, f"{holder}-1", n, 1.5, 0.15, replaces)


async def revision_of(store: LeaseStore) -> int:
    """Where the key is now."""
    seen = await store.read()
    assert seen is not None, "the key can be read"
    return seen.revision


async def written(store: LeaseStore, n: int = 1, holder: NodeId = ALPHA) -> tuple[LeaseRecord, int]:
    """Write a record upon what is there; it, and its revision."""
    before = await revision_of(store)
    new = record(n, holder, before)
    revision = await store.write(new, before)
    assert isinstance(revision, int), revision
    assert revision > before
    return new, revision


async def test_a_key_that_is_not_there_is_made_with_a_revision_and_names_nobody(
    case: Case,
) -> None:
    seen = await case.alpha.read()
    assert seen is not None
    assert seen.record is None
    assert seen.revision > 0
    assert await case.bravo.read() == seen


async def test_what_one_master_wrote_the_other_reads_at_that_revision(case: Case) -> None:
    new, revision = await written(case.alpha)
    assert await case.bravo.read() == KeyState(new, revision)


async def test_only_a_write_on_the_last_revision_succeeds(case: Case) -> None:
    _, first = await written(case.alpha)
    second, revision = await written(case.alpha, 2)
    for expected in (0, first, revision + 7):
        theirs = record(1, BRAVO, expected)
        assert await case.bravo.write(theirs, expected) is WriteFailure.REFUSED
    assert await case.bravo.read() == KeyState(second, revision)


async def test_the_same_write_again_is_refused(case: Case) -> None:
    new, revision = await written(case.alpha)
    assert new.replaces is not None
    assert await case.alpha.write(new, new.replaces) is WriteFailure.REFUSED
    assert await case.alpha.read() == KeyState(new, revision)


async def test_junk_names_nobody_and_is_replaced_on_its_revision(case: Case) -> None:
    _, revision = await written(case.alpha)
    await case.put_junk()
    seen = await case.bravo.read()
    assert seen is not None
    assert (seen.record, seen.revision > revision) == (None, True)
    assert await case.alpha.write(record(2, ALPHA, revision), revision) is WriteFailure.REFUSED
    new, _ = await written(case.bravo, 1, BRAVO)
    assert new.holder == BRAVO


async def test_an_old_record_that_is_put_there_again_names_nobody(case: Case) -> None:
    old, _ = await written(case.alpha)
    _, revision = await written(case.alpha, 2)
    await case.put_again(old)
    seen = await case.bravo.read()
    assert seen is not None
    assert (seen.record, seen.revision > revision) == (None, True)


async def test_a_key_that_was_deleted_comes_back_at_a_revision_that_never_was(case: Case) -> None:
    _, revision = await written(case.alpha)
    await case.delete()
    assert await case.alpha.write(record(2, ALPHA, revision), revision) is WriteFailure.REFUSED
    seen = await case.bravo.read()
    assert seen is not None
    assert (seen.record, seen.revision > revision) == (None, True)
    assert await case.alpha.write(record(2, ALPHA, revision), revision) is WriteFailure.REFUSED


async def test_without_a_connection_nothing_is_found_out(case: Case) -> None:
    await written(case.alpha)
    await case.cut_off()
    assert await case.alpha.read() is None
    assert await case.alpha.write(record(2), 1) is WriteFailure.UNKNOWN
