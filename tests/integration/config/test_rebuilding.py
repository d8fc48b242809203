# pyright: reportUnknownMemberType=false
"""The log rebuilt from a database, on a real NATS server and a real PostgreSQL."""

import asyncio
from collections.abc import AsyncGenerator
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Any

import nats
import pytest
import pytest_asyncio
from nats.aio.client import Client

from services.config.repair.generation import GenerationStarter, LogStreams
from services.config.repair.lease import first_revision, make_lease
from services.config.repair.positions import MasterPositions, PositionReporter, digest_of
from services.config.repair.rebuilding import Rebuilder
from shared.clusterlog.generations import find_last_begun, read_hash
from shared.clusterlog.log import ClusterLog, EntrySigner, LogConflict, LogMissing, RawEntry
from shared.crypto.nodekeys import NodeKey
from shared.domain.errors import (
    AnotherHistory,
    LogNotLost,
    LogUnavailable,
    MasterSilent,
    Unavailable,
)
from shared.domain.ids import LogGeneration, NodeId, Sequence
from shared.domain.log import LogPosition, StoredEntry
from shared.events.config import (
    GenerationBegun,
    PromoteAlone,
    ReadPosition,
    RebuildLog,
    ReplicaPosition,
)
from shared.events.message import Message, Request
from shared.events.replication import FollowerState, LogRebuilt
from shared.messaging.connection import jetstream_of
from shared.persistence.master_state import MasterState
from shared.persistence.pool import Database
from shared.runtime.clock import SystemClock
from tests.fakes.events import KeptFacts
from tests.fakes.responder import Responder
from tests.integration.entries import ALPHA, CLUSTER, GENERATION, EntryWriter, node, put
from tests.integration.servers import NatsServer

pytestmark = pytest.mark.integration

BRAVO = NodeId("bravo")
SECOND = LogGeneration(2)


@dataclass
class Bravo(Responder):
    """The other master: where it stands, and what it is asked."""

    key: NodeKey = field(default_factory=NodeKey.generate)
    position: LogPosition | None = None
    digest: str = ""
    follower: str = FollowerState.LOG_LOST
    ordered: list[RebuildLog] = field(default_factory=list[RebuildLog])

    async def respond(self, request: Request[Any], timeout_seconds: float) -> Message:
        assert timeout_seconds > 0
        if self.position is None:
            raise Unavailable("nobody answers")
        position = self.position
        if isinstance(request, RebuildLog):
            self.ordered.append(request)
            place = {"log_generation": 2, "revision": position.revision + 1, "hash": "h"}
            return GenerationBegun.model_validate({"node": BRAVO, **place})
        assert isinstance(request, ReadPosition)
        answer = ReplicaPosition(
            node=BRAVO,
            position=position,
            digest=self.digest,
            follower=self.follower,
        )
        proof = self.key.sign(answer.position_bytes())
        return answer.model_copy(update={"signature": proof.hex()})


@dataclass
class Place:
    """Alpha with three entries in its database, and no log."""

    client: Client
    entry_writer: EntryWriter
    state: MasterState
    bravo: Bravo
    kept: KeptFacts
    rebuilder: Rebuilder
    positions: list[LogPosition]

    @property
    def streams(self) -> LogStreams:
        return self.rebuilder.starter.streams

    def log(self, generation: int = 1) -> ClusterLog:
        return ClusterLog(self.client, LogGeneration(generation))

    async def level(self) -> None:
        """Bravo stands where alpha does."""
        self.bravo.position = self.positions[-1]
        async with self.state.view() as view:
            self.bravo.digest = digest_of(await view.documents())

    async def rebuild(self, *, force: bool = False) -> GenerationBegun:
        order = RebuildLog(node=ALPHA, force=force, author="rita", reason="it burnt")
        return await self.rebuilder.rebuild(order)


@pytest_asyncio.fixture
async def place(nats_server: NatsServer, postgres_url: str) -> AsyncGenerator[Place]:
    client, database = await nats.connect(nats_server.url), Database(postgres_url)
    state, entry_writer, bravo, kept = MasterState(database), EntryWriter(), Bravo(), KeptFacts()
    await state.found(CLUSTER, GENERATION)
    positions: list[LogPosition] = []
    for name in ("berlin", "denver", "tokyo"):
        async with state.transaction() as transaction:
            entry = entry_writer.write(put("node", name, node(), f"r-{name}"))
            await transaction.apply(entry, entry_writer.position.sequence)
        positions.append(entry_writer.position)
    trust = entry_writer.trust()
    trust.learn(BRAVO, bravo.key.public_b64)
    log, signer = ClusterLog(client, GENERATION), EntrySigner(ALPHA, entry_writer.key)
    reporter = PositionReporter(signer, state, lambda: FollowerState.LOG_LOST)
    streams = LogStreams(log, trust, partial(make_lease, client))
    rebuilder = Rebuilder(
        MasterPositions(reporter, trust, log, bravo),
        GenerationStarter(signer, state, streams, SystemClock()),
        *(kept, 1),
    )
    yield Place(client, entry_writer, state, bravo, kept, rebuilder, positions)
    await client.close()
    await database.close()


async def test_the_next_generation_goes_on_from_the_database(place: Place) -> None:
    await place.level()
    answer = await place.rebuild()

    assert (answer.node, answer.log_generation, answer.revision, answer.unreachable) == (
        ALPHA,
        2,
        4,
        (),
    )
    position = await place.state.position()
    assert position is not None
    assert (position.log_generation, position.revision, position.sequence) == (2, 4, 1)
    assert await read_hash(place.log(2), position) == answer.hash == position.hash
    begun = await find_last_begun(place.log(), place.rebuilder.positions.trust)
    assert begun is not None
    body = begun.first.changes[0].body
    assert body is not None
    assert body["hash"] == place.positions[-1].hash
    assert body["snapshot"] == place.bravo.digest
    lease = await jetstream_of(place.client).stream_info("KV_lease")
    assert lease.config.first_seq == first_revision(SECOND)
    assert [type(each) for each in place.kept.kept] == [LogRebuilt]


async def test_every_document_and_every_answered_request_is_there_afterwards(place: Place) -> None:
    await place.level()
    await place.rebuild()
    async with place.state.view() as view:
        assert {row.id for row in await view.documents()} == {"berlin", "denver", "tokyo"}
        requests = {request for request, *_ in await view.requests()}
    assert {"r-berlin", "r-denver", "r-tokyo"} <= requests


async def test_a_master_that_is_behind_is_the_beginning_of_the_longest(place: Place) -> None:
    place.bravo.position = place.positions[0]
    assert (await place.rebuild()).revision == 4


async def test_the_master_that_has_more_does_it(place: Place) -> None:
    entry_writer = EntryWriter(place.entry_writer.key, ALPHA, place.entry_writer.position)
    entry_writer.write(put("node", "more", node()))
    place.bravo.position = entry_writer.position
    answer = await place.rebuild()
    assert (answer.node, answer.revision) == (BRAVO, 5)
    assert [(each.node, each.author) for each in place.bravo.ordered] == [(BRAVO, "rita")]
    with pytest.raises(LogMissing):
        await place.log(2).last()


async def test_the_master_of_the_later_generation_does_it_though_it_has_less(place: Place) -> None:
    promoted = EntryWriter(place.bravo.key, BRAVO, place.positions[0])
    promoted.begin(SECOND)
    place.bravo.position = promoted.position
    answer = await place.rebuild(force=True)
    assert (answer.node, answer.revision) == (BRAVO, 3)
    assert [(each.node, each.force) for each in place.bravo.ordered] == [(BRAVO, True)]
    assert await place.log().later() == ()


async def test_another_history_of_an_earlier_generation_gives_way_by_order(
    place: Place,
) -> None:
    other = EntryWriter(place.entry_writer.key, position=place.positions[0])
    for name in ("more", "and", "more", "and", "more"):
        other.write(put("node", name, node()))
    place.bravo.position = other.position
    promotion = PromoteAlone(node=ALPHA, force=True, author="rita", reason="it burnt")
    await place.rebuilder.begin_alone(promotion)
    await jetstream_of(place.client).delete_stream("LOG-2")

    with pytest.raises(AnotherHistory, match="of a later generation; add --force"):
        await place.rebuild()
    answer = await place.rebuild(force=True)
    assert (answer.node, answer.log_generation, answer.revision) == (ALPHA, 3, 5)
    assert (answer.unreachable, answer.left_behind) == ((), (BRAVO,))
    last = place.kept.kept[-1]
    assert isinstance(last, LogRebuilt)
    assert last.left_behind == (BRAVO,)


async def test_a_log_that_does_not_say_what_it_holds_makes_no_master_silent(place: Place) -> None:
    class HalfThere(ClusterLog):
        def of(self, generation: LogGeneration) -> ClusterLog:
            return HalfThere(place.client, generation)

        async def get(self, sequence: Sequence) -> RawEntry | None:
            if self.generation == SECOND:
                raise LogUnavailable("it elects a leader")
            return await super().get(sequence)

    place.bravo.position = replace(place.positions[-1], log_generation=SECOND)
    place.rebuilder.positions.log = HalfThere(place.client, GENERATION)
    with pytest.raises(LogUnavailable, match="it elects a leader"):
        await place.rebuild(force=True)
    assert await place.log().later() == ()


async def test_another_history_is_refused(place: Place) -> None:
    other = EntryWriter(place.entry_writer.key)
    other.write(put("node", "other", node()))
    place.bravo.position = other.position
    with pytest.raises(AnotherHistory):
        await place.rebuild(force=True)


async def test_a_silent_master_needs_force_and_is_named(place: Place) -> None:
    with pytest.raises(MasterSilent):
        await place.rebuild()
    assert (await place.rebuild(force=True)).unreachable == (BRAVO,)


async def test_a_position_that_somebody_else_signed_is_none(place: Place) -> None:
    await place.level()
    place.bravo.key = NodeKey.generate()
    with pytest.raises(MasterSilent):
        await place.rebuild()


async def test_a_log_that_is_whole_is_not_rebuilt(place: Place) -> None:
    await place.level()
    log, entry_writer = place.log(), EntryWriter(place.entry_writer.key)
    await log.create(1)
    for name in ("berlin", "denver", "tokyo"):
        end = entry_writer.position.sequence
        await log.append(entry_writer.write(put("node", name, node(), f"r-{name}")), end)
    with pytest.raises(LogNotLost, match="it is not lost"):
        await place.rebuild(force=True)


async def test_a_log_that_nobody_calls_lost_is_not_rebuilt(place: Place) -> None:
    await place.level()
    place.bravo.follower = FollowerState.DETACHED
    with pytest.raises(LogNotLost, match="bravo does not call the log lost yet"):
        await place.rebuild(force=True)


async def test_a_log_is_rebuilt_once_also_by_two_operators_at_the_same_time(place: Place) -> None:
    await place.level()
    done = await asyncio.gather(place.rebuild(), place.rebuild(), return_exceptions=True)
    assert {type(each) for each in done} == {GenerationBegun, LogNotLost}
    with pytest.raises(LogNotLost):
        await place.rebuild()
    assert await place.log().later() == (SECOND,)


async def test_who_comes_second_learns_that_the_log_was_rebuilt(place: Place) -> None:
    await place.level()
    make_lease = place.streams.make_lease

    async def another_operator_is_faster(replicas: int, generation: LogGeneration) -> None:
        place.streams.make_lease = make_lease
        await place.rebuild()
        await make_lease(replicas, generation)

    place.streams.make_lease = another_operator_is_faster
    with pytest.raises(LogNotLost, match="rebuilt already, as generation 2; nothing was done"):
        await place.rebuild()
    assert await place.log().later() == (SECOND,)
    (answer,) = place.kept.kept
    assert isinstance(answer, LogRebuilt)
    position = await place.state.position()
    assert position is not None
    assert position.hash == answer.hash


async def test_of_two_masters_that_rebuild_at_once_one_does_it(place: Place) -> None:
    await place.level()
    before = await place.state.position()
    begun = EntryWriter(place.bravo.key, BRAVO, place.entry_writer.position).begin(SECOND)
    make_lease = place.streams.make_lease

    async def bravo_is_faster(replicas: int, generation: LogGeneration) -> None:
        await make_lease(replicas, generation)
        await place.log(2).append(begun, Sequence(0))

    place.streams.make_lease = bravo_is_faster
    with pytest.raises(LogNotLost, match="rebuilt already, as generation 2; nothing was done"):
        await place.rebuild()
    assert await place.state.position() == before
    assert await place.log().later() == (SECOND,)


async def test_what_comes_into_the_new_stream_first_is_passed_by_the_next_time(
    place: Place,
) -> None:
    await place.level()
    make_lease = place.streams.make_lease

    async def somebody_else_writes(replicas: int, generation: LogGeneration) -> None:
        await make_lease(replicas, generation)
        await jetstream_of(place.client).publish("meridian.log.2.entry", b"noise")

    place.streams.make_lease = somebody_else_writes
    with pytest.raises(LogUnavailable, match="generation 2 of the log did not begin; try again"):
        await place.rebuild()
    place.streams.make_lease = make_lease
    assert (await place.rebuild()).log_generation == 3


async def test_a_stream_that_was_made_and_never_begun_is_used(place: Place) -> None:
    await place.level()
    await place.log(2).create(1)
    assert (await place.rebuild()).log_generation == 2


async def test_a_stream_that_holds_something_else_is_never_used_again(place: Place) -> None:
    await place.level()
    await place.log(2).create(1)
    await jetstream_of(place.client).publish("meridian.log.2.entry", b"noise")
    assert (await place.rebuild()).log_generation == 3


async def test_what_was_prepared_in_one_generation_lands_in_no_other(place: Place) -> None:
    await place.level()
    prepared: StoredEntry = place.entry_writer.draft(put("node", "late", node()))
    await place.rebuild()
    with pytest.raises((LogUnavailable, LogConflict)):
        await place.log().append(prepared, place.entry_writer.position.sequence)
    last = await place.log(2).last()
    assert last is not None
    assert last.sequence == 1
