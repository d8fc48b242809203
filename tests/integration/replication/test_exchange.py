# pyright: reportUnknownMemberType=false
"""Snapshots through a real object store: who is believed, and what is left behind."""

from collections.abc import AsyncGenerator
from dataclasses import dataclass, replace
from pathlib import Path

import nats
import pytest
import pytest_asyncio
from nats.aio.client import Client

from services.replication.core.snapshot import Scope, SignedSnapshot, Snapshot, SnapshotDocument
from services.replication.exchange import Exchange
from services.replication.store import FileStore
from shared.clusterlog.log import ClusterLog
from shared.crypto.nodekeys import NodeKey
from shared.domain.errors import BadSignature, LogUnavailable, Unavailable
from shared.domain.ids import Epoch, NodeId, Revision, Sequence
from shared.domain.log import Marker, ReplicationMode
from shared.events.message import Message, Request
from shared.events.replication import SnapshotOffered
from shared.messaging.connection import jetstream_of
from shared.messaging.publisher import Publisher
from shared.messaging.streams import SNAPSHOTS, ensure_streams
from tests.integration.entries import ALPHA, GENERATION, Pen, node, put
from tests.integration.servers import NatsServer

pytestmark = pytest.mark.integration


class Answers(Publisher):
    """Answers every wish with the offer that was laid ready."""

    def __init__(self) -> None:
        self.offer: SnapshotOffered | None = None

    async def ask(
        self, request: Request, *, timeout_seconds: float, attempt_seconds: float | None = None
    ) -> Message:
        if self.offer is None:
            raise Unavailable("nobody answered")
        return self.offer


@dataclass
class Place:
    """A master that offers and a node that takes, with the log between them."""

    pen: Pen
    client: Client
    log: ClusterLog
    store: FileStore
    answers: Answers
    exchange: Exchange

    async def write(self, *names: str) -> None:
        for name in names:
            end = self.pen.marker.sequence
            entry = self.pen.write(put("node", name, node()))
            await self.log.append(entry, end)
            await self.store.apply(entry, self.pen.marker.sequence)

    async def lay_ready(self, data: bytes) -> None:
        """What a follower finds when it asks."""
        bucket = await jetstream_of(self.client).object_store(SNAPSHOTS)
        await bucket.put("found", data)
        marker = self.pen.marker
        self.answers.offer = SnapshotOffered(
            name="found", log_generation=GENERATION, revision=marker.revision, hash=marker.hash
        )

    def signed(self, snapshot: Snapshot, key: NodeKey | None = None, signer: str = ALPHA) -> bytes:
        body = snapshot.encode()
        proof = (key or self.pen.key).sign(body)
        return SignedSnapshot(body, NodeId(signer), proof).encode()

    async def take(self, scope: Scope = Scope.DIRECTORY, at_least: int = 0) -> Snapshot:
        return await self.exchange.take(scope, Revision(at_least))


@pytest_asyncio.fixture
async def place(nats_server: NatsServer, tmp_path: Path) -> AsyncGenerator[Place]:
    client = await nats.connect(nats_server.url)
    await ensure_streams(jetstream_of(client), 1)
    pen, answers = Pen(), Answers()
    log = ClusterLog(client, GENERATION)
    await log.create(1)
    store = FileStore(tmp_path, ALPHA, pen.key, GENERATION)
    exchange = Exchange(
        node=ALPHA,
        key=pen.key,
        trust=pen.trust(),
        client=client,
        log=log,
        store=store,
        publisher=answers,
    )
    yield Place(pen, client, log, store, answers, exchange)
    await client.close()


async def test_what_was_offered_is_what_is_taken(place: Place) -> None:
    await place.write("berlin", "denver")
    place.answers.offer = await place.exchange.offer(Scope.DIRECTORY)
    assert place.answers.offer.revision == 2
    assert await place.take() == await place.store.snapshot()


async def test_a_large_snapshot_goes_in_chunks(place: Place) -> None:
    await place.write("berlin")
    documents = tuple(
        SnapshotDocument("node", f"n{number}", Revision(1), node() | {"region": "x" * 1_000})
        for number in range(2_000)
    )
    large = replace(await place.store.snapshot(), documents=documents)
    await place.store.load(large)
    place.answers.offer = await place.exchange.offer(Scope.DIRECTORY)
    assert await place.take() == large


async def test_one_offer_serves_everybody_until_the_next_revision(place: Place) -> None:
    await place.write("berlin")
    first = await place.exchange.offer(Scope.DIRECTORY)
    assert await place.exchange.offer(Scope.DIRECTORY) == first
    await place.write("denver")
    second = await place.exchange.offer(Scope.DIRECTORY)
    assert second.name != first.name
    assert second.revision == 2


async def test_two_names_are_used_in_turn(place: Place) -> None:
    names: list[str] = []
    for name in ("a", "b", "c", "d"):
        await place.write(name)
        names.append((await place.exchange.offer(Scope.DIRECTORY)).name)
    assert names == ["directory-alpha-1", "directory-alpha-2"] * 2
    bucket = await jetstream_of(place.client).object_store(SNAPSHOTS)
    assert {each.name for each in await bucket.list()} == set(names)


async def test_one_that_is_read_survives_the_next_offer(place: Place) -> None:
    await place.write("berlin")
    place.answers.offer = await place.exchange.offer(Scope.DIRECTORY)
    await place.write("denver")
    await place.exchange.offer(Scope.DIRECTORY)
    assert (await place.take()).marker.revision == 1


async def test_only_a_known_master_is_believed(place: Place) -> None:
    await place.write("berlin")
    snapshot = await place.store.snapshot()
    for key, signer in ((NodeKey.generate(), "alpha"), (None, "berlin")):
        await place.lay_ready(place.signed(snapshot, key, signer))
        with pytest.raises(BadSignature, match="no known master signed"):
            await place.take()


async def test_a_changed_byte_is_noticed(place: Place) -> None:
    await place.write("berlin")
    data = place.signed(await place.store.snapshot()).replace(b"traffic", b"witness")
    await place.lay_ready(data)
    with pytest.raises(BadSignature, match="no known master signed"):
        await place.take()


@pytest.mark.parametrize("data", [b"noise", b'{"body": "{}", "signer": "a", "signature": ""}'])
async def test_what_is_no_snapshot_is_refused(place: Place, data: bytes) -> None:
    await place.lay_ready(data)
    with pytest.raises(BadSignature, match="no s"):
        await place.take()


async def test_a_master_takes_no_snapshot_without_users(place: Place) -> None:
    await place.write("berlin")
    place.answers.offer = await place.exchange.offer(Scope.DIRECTORY)
    with pytest.raises(BadSignature, match="of scope directory, not full"):
        await place.take(Scope.FULL)


@pytest.mark.parametrize(
    ("revision", "sequence", "epoch", "hash_"),
    [(2, 2, 0, "f" * 64), (1, 2, 0, ""), (2, 1, 0, ""), (2, 9, 0, ""), (2, 2, 1, "")],
)
async def test_a_snapshot_of_another_history_is_refused(
    place: Place, revision: int, sequence: int, epoch: int, hash_: str
) -> None:
    await place.write("berlin", "denver")
    marker = Marker(
        *(GENERATION, Revision(revision), Sequence(sequence), Epoch(epoch)),
        hash_ or place.pen.marker.hash,
    )
    snapshot = replace(await place.store.snapshot(), marker=marker)
    await place.lay_ready(place.signed(snapshot))
    with pytest.raises(BadSignature, match="another history"):
        await place.take()


async def test_an_empty_snapshot_proves_nothing(place: Place) -> None:
    await place.lay_ready(place.signed(await place.store.snapshot()))
    with pytest.raises(BadSignature, match="another history"):
        await place.take()


async def test_one_that_is_older_than_the_copy_is_not_taken(place: Place) -> None:
    await place.write("berlin")
    place.answers.offer = await place.exchange.offer(Scope.DIRECTORY)
    with pytest.raises(Unavailable, match="ends at 1, before 2"):
        await place.take(at_least=2)
    assert (await place.take(at_least=1)).marker.revision == 1


async def test_an_offer_that_is_not_there_is_unavailable(place: Place) -> None:
    await place.write("berlin")
    place.answers.offer = SnapshotOffered(
        name="gone", log_generation=GENERATION, revision=Revision(1), hash=""
    )
    with pytest.raises(LogUnavailable, match="was not fetched"):
        await place.take()


async def test_without_an_object_store_nothing_is_offered(place: Place) -> None:
    await jetstream_of(place.client).delete_object_store(SNAPSHOTS)
    with pytest.raises(LogUnavailable, match="was not stored"):
        await place.exchange.offer(Scope.DIRECTORY)


async def test_the_mode_and_the_epoch_travel_with_it(place: Place) -> None:
    await place.write("berlin")
    snapshot = replace(await place.store.snapshot(), mode=ReplicationMode.DEGRADED)
    await place.store.load(snapshot)
    place.answers.offer = await place.exchange.offer(Scope.DIRECTORY)
    taken = await place.take()
    assert (taken.mode, taken.marker.epoch) == (ReplicationMode.DEGRADED, Epoch(0))
