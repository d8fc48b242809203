# pyright: reportUnknownMemberType=false
"""Snapshots through a real object store: who is believed, and what is left behind."""

import asyncio
from collections.abc import AsyncGenerator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import nats
import pytest
import pytest_asyncio
from nats.aio.client import Client

from services.replication.core.snapshot import Snapshot
from services.replication.replica.store import FileStore
from services.replication.snapshots.chunk_cache import ChunkCache
from services.replication.snapshots.exchange import FETCHES, OFFERS, SnapshotExchange
from shared.clusterlog.log import ClusterLog
from shared.clusterlog.snapshots import SnapshotStore
from shared.crypto.nodekeys import NodeKey
from shared.domain.document import Document
from shared.domain.errors import BadSignature, BrokenChunk, LogUnavailable, Unavailable
from shared.domain.ids import Epoch, NodeId, Revision, Sequence
from shared.domain.log import LogPosition, ReplicationMode
from shared.domain.snapshot import Manifest, Scope, SignedSnapshot
from shared.events.message import Message, Request
from shared.events.replication import SnapshotOffered
from shared.messaging.connection import jetstream_of
from shared.messaging.publisher import Publisher
from shared.messaging.streams import SNAPSHOTS, ensure_streams
from tests.fakes.responder import Responder
from tests.integration.entries import ALPHA, GENERATION, Pen, node, put
from tests.integration.servers import NatsServer

pytestmark = pytest.mark.integration


class Answers(Responder, Publisher):
    """Answers every wish with the offer that was laid ready."""

    def __init__(self) -> None:
        self.offer: SnapshotOffered | None = None
        self.offers: list[SnapshotOffered] = []

    async def respond(self, request: Request[Any], timeout_seconds: float) -> Message:
        if self.offers:
            return self.offers.pop(0)
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
    exchange: SnapshotExchange

    async def write(self, *names: str) -> None:
        for name in names:
            end = self.pen.position.sequence
            entry = self.pen.write(put("node", name, node()))
            await self.log.append(entry, end)
            await self.store.apply(entry, self.pen.position.sequence)

    async def lay_ready(self, data: bytes) -> None:
        """What a follower finds when it asks."""
        bucket = await jetstream_of(self.client).object_store(SNAPSHOTS)
        await bucket.put("found", data)
        position = self.pen.position
        self.answers.offer = SnapshotOffered(
            name="found", log_generation=GENERATION, revision=position.revision, hash=position.hash
        )

    def signed(self, snapshot: Snapshot, key: NodeKey | None = None, signer: str = ALPHA) -> bytes:
        body = Manifest(snapshot.position, snapshot.mode, snapshot.scope, ()).encode()
        proof = (key or self.pen.key).sign(body)
        return SignedSnapshot(body, NodeId(signer), proof).encode()

    async def fetch(self, scope: Scope = Scope.DIRECTORY, at_least: int = 0) -> Snapshot:
        content = await self.exchange.fetch(scope, Revision(at_least))
        documents = tuple(each for chunk in content.chunks() for each in chunk.documents)
        requests = tuple(each for chunk in content.chunks() for each in chunk.requests)
        return Snapshot(content.position, content.mode, documents, requests, content.scope)


@pytest_asyncio.fixture
async def place(nats_server: NatsServer, tmp_path: Path) -> AsyncGenerator[Place]:
    client = await nats.connect(nats_server.url)
    await ensure_streams(jetstream_of(client), 1)
    pen, answers = Pen(), Answers()
    log = ClusterLog(client, GENERATION)
    await log.create(1)
    store = FileStore(tmp_path, ALPHA, pen.key, GENERATION)
    exchange = SnapshotExchange(
        node=ALPHA,
        key=pen.key,
        trust=pen.trust(),
        client=client,
        log=log,
        store=store,
        publisher=answers,
        cache=ChunkCache(tmp_path),
    )
    yield Place(pen, client, log, store, answers, exchange)
    await client.close()


async def test_what_was_offered_is_what_is_taken(place: Place) -> None:
    await place.write("berlin", "denver")
    place.answers.offer = await place.exchange.offer(Scope.DIRECTORY)
    assert place.answers.offer.revision == 2
    assert await place.fetch() == await place.store.snapshot()


async def test_a_large_snapshot_goes_in_chunks(place: Place) -> None:
    await place.write("berlin")
    documents = tuple(
        Document("node", f"n{number}", Revision(1), node() | {"region": "x" * 1_000})
        for number in range(2_000)
    )
    large = replace(await place.store.snapshot(), documents=documents)
    await place.store.load(large)
    place.answers.offer = await place.exchange.offer(Scope.DIRECTORY)
    assert await place.fetch() == large


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
    manifests = set(names)
    assert {each.name for each in await bucket.list()} == manifests | {f"{n}.0" for n in manifests}


async def test_one_that_is_read_survives_the_next_offer(place: Place) -> None:
    await place.write("berlin")
    place.answers.offer = await place.exchange.offer(Scope.DIRECTORY)
    await place.write("denver")
    await place.exchange.offer(Scope.DIRECTORY)
    assert (await place.fetch()).position.revision == 1


async def many_nodes(place: Place, count: int) -> Snapshot:
    """A state that takes several chunks."""
    await place.write("berlin")
    documents = tuple(
        Document("node", f"n{number:05}", Revision(1), node() | {"region": f"{number:999}"})
        for number in range(count)
    )
    large = replace(await place.store.snapshot(), documents=documents)
    await place.store.load(large)
    return large


async def objects(place: Place) -> set[str]:
    bucket = await jetstream_of(place.client).object_store(SNAPSHOTS)
    return {str(each.name) for each in await bucket.list() if not each.deleted}


class Line:
    """A shelf that notes what is fetched, and breaks when it was told to."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.fetched: list[str] = []
        self.breaks_after: int | None = None
        self.damaged: dict[str, bytes] = {}
        get = SnapshotStore.get

        async def noted(snapshots: SnapshotStore, name: str) -> bytes:
            if self.breaks_after is not None and len(self.fetched) >= self.breaks_after:
                raise LogUnavailable("the line is cut")
            self.fetched.append(name)
            return self.damaged.get(name) or await get(snapshots, name)

        monkeypatch.setattr(SnapshotStore, "get", noted)


async def test_it_goes_in_chunks_and_each_is_an_object(place: Place) -> None:
    large = await many_nodes(place, 1_500)
    place.answers.offer = offer = await place.exchange.offer(Scope.DIRECTORY)
    names = await objects(place)
    assert {offer.name, f"{offer.name}.0", f"{offer.name}.1", f"{offer.name}.2"} <= names
    assert await place.fetch() == large


async def test_who_was_interrupted_goes_on_with_the_chunk_that_is_lacking(
    place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    large = await many_nodes(place, 1_500)
    place.answers.offer = offer = await place.exchange.offer(Scope.DIRECTORY)
    line = Line(monkeypatch)
    line.breaks_after = 3
    with pytest.raises(LogUnavailable, match="the line is cut"):
        await place.fetch()
    before, line.fetched, line.breaks_after = line.fetched, [], None
    assert before == [offer.name, f"{offer.name}.0", f"{offer.name}.1"]
    assert await place.fetch() == large
    assert line.fetched[:2] == [offer.name, f"{offer.name}.2"]


async def test_a_newer_snapshot_is_fetched_as_far_as_it_differs(
    place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    await many_nodes(place, 3_000)
    place.answers.offer = await place.exchange.offer(Scope.DIRECTORY)
    await place.fetch()
    await place.write("n00001")
    place.answers.offer = await place.exchange.offer(Scope.DIRECTORY)
    line = Line(monkeypatch)
    taken = await place.fetch()
    assert taken == await place.store.snapshot()
    chunks = len([name for name in await objects(place) if name.startswith(f"{line.fetched[0]}.")])
    assert len(line.fetched) - 1 <= 2 < chunks


async def test_a_chunk_that_is_not_what_was_signed_is_refused_by_name(
    place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    await many_nodes(place, 1_500)
    place.answers.offer = offer = await place.exchange.offer(Scope.DIRECTORY)
    line = Line(monkeypatch)
    line.damaged = {f"{offer.name}.1": b"something else"}
    with pytest.raises(BrokenChunk, match=f"chunk 1 of snapshot {offer.name} is not what"):
        await place.fetch()
    assert line.fetched.count(f"{offer.name}.1") == FETCHES * OFFERS
    assert line.fetched.count(f"{offer.name}.0") == 1, "what is here is not fetched again"
    line.damaged = {}
    assert await place.fetch() == await place.store.snapshot()


async def test_a_chunk_that_is_gone_sends_the_follower_to_the_next_offer(place: Place) -> None:
    large = await many_nodes(place, 1_500)
    stale = await place.exchange.offer(Scope.DIRECTORY)
    await SnapshotStore(place.client).drop(f"{stale.name}.1")
    place.answers.offers = [stale]
    await place.write("later")
    place.answers.offer = await place.exchange.offer(Scope.DIRECTORY)
    taken = await place.fetch()
    assert len(taken.documents) == len(large.documents) + 1


async def test_a_smaller_snapshot_leaves_no_chunk_of_the_larger_one(place: Place) -> None:
    await many_nodes(place, 1_500)
    offer = await place.exchange.offer(Scope.DIRECTORY)
    small = replace(await place.store.snapshot(), documents=())
    await place.store.load(small)
    await place.write("a")
    await place.exchange.offer(Scope.DIRECTORY)
    await place.write("b")
    again = await place.exchange.offer(Scope.DIRECTORY)
    assert again.name == offer.name
    assert {name for name in await objects(place) if name.startswith(f"{offer.name}.")} == {
        f"{offer.name}.0"
    }


async def test_one_that_is_made_serves_all_who_ask_meanwhile(place: Place) -> None:
    await place.write("berlin")
    offers = await asyncio.gather(*(place.exchange.offer(Scope.DIRECTORY) for _ in range(3)))
    assert len({offer.name for offer in offers}) == 1


async def test_only_a_known_master_is_believed(place: Place) -> None:
    await place.write("berlin")
    snapshot = await place.store.snapshot()
    for key, signer in ((NodeKey.generate(), "alpha"), (None, "berlin")):
        await place.lay_ready(place.signed(snapshot, key, signer))
        with pytest.raises(BadSignature, match="no known master signed"):
            await place.fetch()


async def test_a_changed_byte_is_noticed(place: Place) -> None:
    await place.write("berlin")
    data = place.signed(await place.store.snapshot()).replace(b"directory", b"full")
    await place.lay_ready(data)
    with pytest.raises(BadSignature, match="no known master signed"):
        await place.fetch()


@pytest.mark.parametrize("data", [b"noise", b'{"body": "{}", "signer": "a", "signature": ""}'])
async def test_what_is_no_snapshot_is_refused(place: Place, data: bytes) -> None:
    await place.lay_ready(data)
    with pytest.raises(BadSignature, match=r"signed snapshot|no known master signed"):
        await place.fetch()


async def test_a_master_takes_no_snapshot_without_users(place: Place) -> None:
    await place.write("berlin")
    place.answers.offer = await place.exchange.offer(Scope.DIRECTORY)
    with pytest.raises(BadSignature, match="of scope directory, not full"):
        await place.fetch(Scope.FULL)


@pytest.mark.parametrize(
    ("revision", "sequence", "epoch", "hash_"),
    [(2, 2, 0, "f" * 64), (1, 2, 0, ""), (2, 1, 0, ""), (2, 9, 0, ""), (2, 2, 1, "")],
)
async def test_a_snapshot_of_another_history_is_refused(
    place: Place, revision: int, sequence: int, epoch: int, hash_: str
) -> None:
    await place.write("berlin", "denver")
    position = LogPosition(
        *(GENERATION, Revision(revision), Sequence(sequence), Epoch(epoch)),
        hash_ or place.pen.position.hash,
    )
    snapshot = replace(await place.store.snapshot(), position=position)
    await place.lay_ready(place.signed(snapshot))
    with pytest.raises(BadSignature, match="another history"):
        await place.fetch()


async def test_an_empty_snapshot_proves_nothing(place: Place) -> None:
    await place.lay_ready(place.signed(await place.store.snapshot()))
    with pytest.raises(BadSignature, match="another history"):
        await place.fetch()


async def test_one_that_is_older_than_the_copy_is_not_taken(place: Place) -> None:
    await place.write("berlin")
    place.answers.offer = await place.exchange.offer(Scope.DIRECTORY)
    with pytest.raises(Unavailable, match="ends at 1, before 2"):
        await place.fetch(at_least=2)
    assert (await place.fetch(at_least=1)).position.revision == 1


async def test_an_offer_that_is_not_there_is_unavailable(place: Place) -> None:
    await place.write("berlin")
    place.answers.offer = SnapshotOffered(
        name="gone", log_generation=GENERATION, revision=Revision(1), hash=""
    )
    with pytest.raises(LogUnavailable, match="gone is not there any more"):
        await place.fetch()


async def test_without_an_object_store_nothing_is_offered(place: Place) -> None:
    await jetstream_of(place.client).delete_object_store(SNAPSHOTS)
    with pytest.raises(LogUnavailable, match="was not stored"):
        await place.exchange.offer(Scope.DIRECTORY)


async def test_the_mode_and_the_epoch_travel_with_it(place: Place) -> None:
    await place.write("berlin")
    snapshot = replace(await place.store.snapshot(), mode=ReplicationMode.DEGRADED)
    await place.store.load(snapshot)
    place.answers.offer = await place.exchange.offer(Scope.DIRECTORY)
    taken = await place.fetch()
    assert (taken.mode, taken.position.epoch) == (ReplicationMode.DEGRADED, Epoch(0))
