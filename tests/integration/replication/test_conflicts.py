"""What a master had alone, kept in a real PostgreSQL before a snapshot takes its place."""

from collections.abc import AsyncGenerator
from dataclasses import asdict, dataclass, field
from typing import Any

import pytest
import pytest_asyncio

from services.replication.conflicts import archive as module
from services.replication.conflicts.archive import ConflictArchive
from services.replication.core.snapshot import Snapshot
from services.replication.replica.store import MasterStore
from shared.crypto.nodekeys import NodeKey
from shared.domain import bundle
from shared.domain.errors import InvalidChange, NotFound, Unavailable, UnderWay
from shared.domain.ids import NodeId, Revision
from shared.domain.log import Change, Op, ReplicationMode
from shared.domain.snapshot import Scope
from shared.events.config import ReadPosition, ReplicaPosition
from shared.events.conflict import (
    ConflictKept,
    KeepConflict,
    ReadConflict,
    ReadConflictEntries,
    ResolveConflict,
)
from shared.events.message import Message, Request
from shared.persistence.conflicts import Conflicts
from shared.persistence.master_state import MasterState
from shared.persistence.pool import Database
from shared.runtime.clock import SystemClock
from tests.fakes.events import KeptFacts
from tests.fakes.responder import Responder
from tests.integration.entries import (
    ALPHA,
    CLUSTER,
    GENERATION,
    EntryWriter,
    control,
    delete,
    node,
    put,
)

pytestmark = pytest.mark.integration

BRAVO = NodeId("bravo")


@dataclass
class Bravo(Responder):
    """The other master, and what its history has at each revision; None when it is silent."""

    key: NodeKey = field(default_factory=NodeKey.generate)
    hashes: dict[Revision, str] | None = None

    async def respond(self, request: Request[Any], timeout_seconds: float) -> Message:
        assert timeout_seconds > 0
        assert isinstance(request, ReadPosition)
        if self.hashes is None:
            raise Unavailable("nobody answers")
        known = {each: self.hashes[each] for each in request.revisions if each in self.hashes}
        place = {"log_generation": 2, "revision": 9, "sequence": 3, "epoch": 4, "hash": "h"}
        position = ReplicaPosition.model_validate(
            {"node": BRAVO, "position": place, "digest": "", "hashes": known}
        )
        proof = self.key.sign(position.position_bytes())
        return position.model_copy(update={"signature": proof.hex()})


@dataclass
class Place:
    """Alpha's database with its history, and the keeper of what it had alone."""

    entry_writer: EntryWriter
    database: Database
    state: MasterState
    bravo: Bravo
    kept: KeptFacts
    archive: ConflictArchive
    hashes: dict[Revision, str] = field(default_factory=dict[Revision, str])

    async def write(self, *changes: Change, epoch: int | None = None) -> None:
        stored = self.entry_writer.write(*changes, epoch=epoch)
        async with self.state.transaction() as transaction:
            await transaction.apply(stored, self.entry_writer.position.sequence)
        self.hashes[self.entry_writer.position.revision] = self.entry_writer.position.hash

    async def part(self, *changes: Change) -> None:
        """Bravo has what alpha has until now, and alpha writes on alone."""
        await self.write(put("node", "common", node()))
        self.bravo.hashes = dict(self.hashes)
        for each in changes:
            await self.write(each)

    async def keep(self) -> None:
        await self.archive.keep_own(self.entry_writer.position)

    async def listed(self) -> list[tuple[int, int, int]]:
        found = (await self.archive.list()).conflicts
        return [(each.ancestor, each.revision, each.count) for each in found]


@pytest_asyncio.fixture
async def place(postgres_url: str) -> AsyncGenerator[Place]:
    database = Database(postgres_url)
    state, entry_writer, bravo, kept = MasterState(database), EntryWriter(), Bravo(), KeptFacts()
    await state.found(CLUSTER, GENERATION)
    trust = entry_writer.trust()
    trust.learn(BRAVO, bravo.key.public_b64)
    conflicts = Conflicts(database)
    archive = ConflictArchive(ALPHA, trust, conflicts, bravo, SystemClock(), kept)
    yield Place(entry_writer, database, state, bravo, kept, archive)
    await database.close()


async def test_the_beginning_of_the_other_history_is_no_conflict(place: Place) -> None:
    await place.part()
    await place.keep()
    assert await place.listed() == []
    assert place.kept.kept == []


async def test_what_it_had_alone_is_kept_before_a_snapshot_takes_its_place(place: Place) -> None:
    await place.part(put("node", "berlin", node()), put("node", "tokyo", node()))
    await place.keep()
    snapshot = Snapshot(EntryWriter().position, ReplicationMode.SYNCHRONOUS, (), scope=Scope.FULL)
    await MasterStore(place.state, SystemClock()).load(snapshot)

    (line,) = (await place.archive.list()).conflicts
    assert (line.ancestor, line.revision, line.count, line.resolution) == (1, 3, 2, "")
    found = await place.archive.read(ReadConflict(node=ALPHA, id=line.id))
    changes = [(each.id, each.op, each.author, each.revision) for each in found.changes]
    assert changes == [("berlin", "put", "rita", 2), ("tokyo", "put", "rita", 3)]
    assert found.next is None
    (event,) = place.kept.kept
    assert isinstance(event, ConflictKept)
    assert (event.conflict, event.count) == (line.id, 2)


async def test_a_conflict_is_kept_once(place: Place) -> None:
    await place.part(put("node", "berlin", node()))
    await place.keep()
    await place.keep()
    assert await place.listed() == [(1, 2, 1)]
    assert len(place.kept.kept) == 1


async def test_where_nobody_answers_everything_counts_as_alone(place: Place) -> None:
    await place.part(put("node", "berlin", node()))
    place.bravo.hashes = None
    await place.keep()
    assert await place.listed() == [(0, 2, 2)]


async def test_a_history_that_is_not_signed_is_not_believed(place: Place) -> None:
    await place.part(put("node", "berlin", node()))
    place.bravo.key = NodeKey.generate()
    await place.keep()
    assert await place.listed() == [(0, 2, 2)]


async def test_what_speaks_of_the_cluster_alone_is_no_conflict(place: Place) -> None:
    await place.part()
    await place.write(control(Op.EPOCH_BEGAN, {}), epoch=7)
    await place.keep()
    assert await place.listed() == []


async def test_a_long_conflict_comes_in_parts(
    place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "PART_BYTES", 60)
    names = [f"node-{number}" for number in range(5)]
    await place.part(*(put("node", name, node()) for name in names), delete("node", "common"))
    await place.keep()
    (line,) = (await place.archive.list()).conflicts
    seen: list[str] = []
    begin: int | None = 0
    while begin is not None:
        part = await place.archive.read(ReadConflict(node=ALPHA, id=line.id, begin=begin))
        seen += [each.id for each in part.changes]
        begin = part.next
    assert seen == ["common", *names]


async def test_a_conflict_is_resolved_by_one_of_two_operators(place: Place) -> None:
    await place.part(put("node", "berlin", node()))
    await place.keep()
    (line,) = (await place.archive.list()).conflicts
    order = ResolveConflict(node=ALPHA, id=line.id, resolution="discarded", author="rita")
    done = await place.archive.resolve(order)
    assert (done.resolution, done.resolved_by) == ("discarded", "rita")
    with pytest.raises(UnderWay, match="was discarded by rita before"):
        await place.archive.resolve(order.model_copy(update={"author": "paul"}))


async def taken_out(place: Place) -> list[KeepConflict]:
    """The one conflict as a backup holds it."""
    (line,) = (await place.archive.list()).conflicts
    fields = asdict(line)
    orders: list[KeepConflict] = []
    begin: int | None = 0
    while begin is not None:
        question = ReadConflictEntries(node=ALPHA, id=line.id, begin=begin)
        part = await place.archive.entries(question)
        orders.append(KeepConflict.model_validate({**fields, "bundle": part.bundle}))
        begin = part.next
    return orders


@pytest.mark.parametrize(("at_once", "parts"), [(2, [2, 2, 1]), (5, [5]), (9, [5])])
async def test_a_long_conflict_is_taken_out_in_parts(
    place: Place, monkeypatch: pytest.MonkeyPatch, at_once: int, parts: list[int]
) -> None:
    monkeypatch.setattr(module, "AT_ONCE", at_once)
    await place.part(*(put("node", name, node()) for name in "abcde"))
    await place.keep()
    orders = await taken_out(place)
    assert [len(bundle.unpack(order.bundle)) for order in orders] == parts


@pytest.fixture
async def emptied(place: Place, monkeypatch: pytest.MonkeyPatch) -> list[KeepConflict]:
    """A conflict of three parts was taken out, and the database lost."""
    monkeypatch.setattr(bundle, "BUNDLE_BYTES", 1)
    await place.part(*(put("node", name, node()) for name in ("a", "b", "c")))
    await place.keep()
    orders = await taken_out(place)
    async with place.database.connection() as connection:
        await connection.execute("TRUNCATE conflict, conflict_entry")
    place.kept.kept.clear()
    return orders


async def test_one_that_a_backup_holds_is_there_once_its_last_entry_is(
    place: Place, emptied: list[KeepConflict]
) -> None:
    for order in emptied[:-1]:
        await place.archive.bring_back(order)
    assert await place.listed() == []
    with pytest.raises(NotFound):
        await place.archive.read(ReadConflict(node=ALPHA, id=emptied[0].id))
    for order in emptied:
        await place.archive.bring_back(order)
    assert await place.listed() == [(1, 4, 3)]
    found = await place.archive.read(ReadConflict(node=ALPHA, id=emptied[0].id))
    assert [each.id for each in found.changes] == ["a", "b", "c"]
    assert await taken_out(place) == emptied
    (event,) = place.kept.kept
    assert isinstance(event, ConflictKept)
    assert (event.conflict, event.count) == (emptied[0].id, 3)


async def test_one_that_was_resolved_stays_as_it_is(
    place: Place, emptied: list[KeepConflict]
) -> None:
    for order in emptied:
        await place.archive.bring_back(order)
    id_ = emptied[0].id
    decision = ResolveConflict(node=ALPHA, id=id_, resolution="discarded", author="rita")
    await place.archive.resolve(decision)
    for order in emptied:
        await place.archive.bring_back(order)
    (line,) = (await place.archive.list()).conflicts
    assert line.resolution == "discarded"


async def test_one_that_came_back_in_part_is_made_whole_by_finding_it_again(
    place: Place, emptied: list[KeepConflict]
) -> None:
    await place.archive.bring_back(emptied[0])
    await place.keep()
    assert await place.listed() == [(1, 4, 3)]


async def test_what_is_no_entry_of_a_log_is_not_kept(
    place: Place, emptied: list[KeepConflict]
) -> None:
    noise, _ = bundle.pack([b"noise"])
    for strange in (noise, "?"):
        with pytest.raises(InvalidChange, match="cannot be kept"):
            await place.archive.bring_back(emptied[0].model_copy(update={"bundle": strange}))
    assert await place.listed() == []


async def test_what_is_not_kept_cannot_be_shown(place: Place) -> None:
    with pytest.raises(NotFound, match="keeps no conflict 'gone'"):
        await place.archive.read(ReadConflict(node=ALPHA, id="gone"))
