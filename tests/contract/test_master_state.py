"""What every master's database promises: entries in order and once, documents, requests."""

from collections.abc import AsyncGenerator
from dataclasses import replace

import pytest
import pytest_asyncio

from shared.domain.document import Document, Ref
from shared.domain.errors import StoreUnavailable
from shared.domain.ids import RequestId, Revision, Sequence, UnixMillis
from shared.domain.log import LogPosition, ReplicationMode, StoredEntry, empty_position
from shared.domain.log import Op as Operation
from shared.domain.request import AnsweredRequest
from shared.persistence.master_state import (
    WHOLE,
    MasterState,
    Part,
)
from tests.contract.servers import MEMORY, POSTGRES, database
from tests.fakes.master_state import MemoryState
from tests.integration.entries import CLUSTER, GENERATION, EntryWriter, control, delete, node, put

State = MasterState | MemoryState


@pytest_asyncio.fixture(params=[MEMORY, POSTGRES])
async def unfounded(request: pytest.FixtureRequest) -> AsyncGenerator[State]:
    """A database that belongs to no cluster yet."""
    if request.param == MEMORY:
        yield MemoryState(is_founded=False)
        return
    async with database(request) as pool:
        yield MasterState(pool)


@pytest_asyncio.fixture
async def state(unfounded: State) -> State:
    assert await unfounded.found(CLUSTER, GENERATION)
    return unfounded


@pytest.fixture
def entry_writer() -> EntryWriter:
    return EntryWriter()


async def apply(state: State, entry_writer: EntryWriter, *entries: StoredEntry) -> None:
    """Apply what *entry_writer* wrote; its position is behind the last of *entries*."""
    first = entry_writer.position.sequence - len(entries) + 1
    for number, stored in enumerate(entries):
        async with state.transaction() as transaction:
            assert await transaction.apply(stored, Sequence(first + number))


async def test_a_database_belongs_to_no_cluster_until_it_is_founded(unfounded: State) -> None:
    assert await unfounded.position() is None
    with pytest.raises(StoreUnavailable, match="init or join it first"):
        async with unfounded.transaction():
            pass
    with pytest.raises(StoreUnavailable, match="init or join it first"):
        await unfounded.read()


async def test_a_database_is_founded_once(state: State) -> None:
    assert await state.position() == empty_position(GENERATION)
    assert not await state.found(CLUSTER, GENERATION)


async def test_entries_become_documents_at_their_revision(
    state: State, entry_writer: EntryWriter
) -> None:
    first = entry_writer.write(put("node", "berlin", node()), put("site", "site", {"name": "x"}))
    second = entry_writer.write(put("node", "berlin", node("master")), delete("site", "site"))
    await apply(state, entry_writer, first, second)
    found = await state.read()
    assert found.position == entry_writer.position == await state.position()
    assert found.documents == (Document("node", "berlin", Revision(2), node("master")),)


async def test_documents_are_read_by_kind_by_id_and_in_parts(
    state: State, entry_writer: EntryWriter
) -> None:
    nodes = (put("node", name, node()) for name in ("tokyo", "berlin", "denver"))
    user = entry_writer.write(*nodes, put("user", "rita", {"role": "auditor"}))
    await apply(state, entry_writer, user)

    async def names(*kinds: str, id_: str | None = None, part: Part = WHOLE) -> list[str]:
        return [row.id for row in (await state.read(kinds, id_, part)).documents]

    assert await names() == ["berlin", "denver", "tokyo", "rita"]
    assert await names("node") == ["berlin", "denver", "tokyo"]
    assert await names(id_="rita") == ["rita"]
    assert await names("site") == []
    assert await names(part=Part(limit=2)) == ["berlin", "denver"]
    assert await names(part=Part(Ref("node", "denver"), 2)) == ["tokyo", "rita"]
    assert await names(part=Part(Ref("user", "rita"), 2)) == []


async def test_an_entry_that_is_there_already_changes_nothing(
    state: State, entry_writer: EntryWriter
) -> None:
    entry = entry_writer.write(put("node", "berlin", node()))
    await apply(state, entry_writer, entry)
    async with state.transaction() as transaction:
        assert not await transaction.apply(entry, Sequence(1))
    assert await state.position() == entry_writer.position


async def test_another_entry_in_place_of_an_applied_one_is_refused(
    state: State, entry_writer: EntryWriter
) -> None:
    await apply(state, entry_writer, entry_writer.write(put("node", "berlin", node())))
    other = EntryWriter(entry_writer.key).write(put("node", "tokyo", node()))
    with pytest.raises(StoreUnavailable, match="another entry"):
        async with state.transaction() as transaction:
            await transaction.apply(other, Sequence(1))


async def test_an_entry_that_does_not_follow_is_refused_whole(
    state: State, entry_writer: EntryWriter
) -> None:
    entry_writer.write(put("node", "missed", node()))
    second = entry_writer.write(put("node", "berlin", node()))
    with pytest.raises(StoreUnavailable, match="does not follow"):
        async with state.transaction() as transaction:
            await transaction.apply(second, Sequence(2))
    assert await state.position() == empty_position(GENERATION)
    assert (await state.read()).documents == ()


async def test_an_error_in_the_block_undoes_the_transaction(
    state: State, entry_writer: EntryWriter
) -> None:
    entry = entry_writer.write(put("node", "berlin", node()))

    async def fail_after_apply() -> None:
        async with state.transaction() as transaction:
            await transaction.apply(entry, Sequence(1))
            raise ValueError

    with pytest.raises(ValueError):  # noqa: PT011 - its own
        await fail_after_apply()
    assert await state.position() == empty_position(GENERATION)
    assert (await state.read()).documents == ()


async def test_the_mode_and_the_epoch_follow_the_log(
    state: State, entry_writer: EntryWriter
) -> None:
    degraded = {"mode": ReplicationMode.DEGRADED.value}
    await apply(
        state,
        entry_writer,
        entry_writer.write(control(Operation.EPOCH_BEGAN, {"node": "alpha", **degraded}), epoch=4),
    )
    found = await state.read()
    assert (found.position.epoch, found.mode, found.documents) == (4, ReplicationMode.DEGRADED, ())


async def test_a_request_is_remembered_with_its_digest_and_one_without_a_name_is_not(
    state: State, entry_writer: EntryWriter
) -> None:
    named, nameless = put("node", "a", node(), "r1"), put("node", "b", node())
    await apply(state, entry_writer, entry_writer.write(named, nameless))
    known = await state.find_requests([RequestId("r1"), RequestId("r2"), RequestId("")])
    assert known == {
        RequestId("r1"): AnsweredRequest(
            RequestId("r1"), "digest of r1", Revision(1), UnixMillis(1_000)
        )
    }
    assert await state.find_requests([]) == {}


async def test_the_first_answer_to_a_request_stands(
    state: State, entry_writer: EntryWriter
) -> None:
    for name in ("a", "b"):
        await apply(state, entry_writer, entry_writer.write(put("node", name, node(), "r1")))
    assert (await state.find_requests([RequestId("r1")]))[RequestId("r1")].revision == 1


async def test_the_entries_behind_a_place_are_those_that_came_after_it(
    state: State, entry_writer: EntryWriter
) -> None:
    entries: list[StoredEntry] = []
    places: list[LogPosition] = []
    for name in ("a", "b", "c"):
        entries.append(entry_writer.write(put("node", name, node())))
        places.append(entry_writer.position)
    await apply(state, entry_writer, *entries)
    behind = tuple(each.encode() for each in entries[1:])
    async with state.view() as view:
        assert await view.entries_behind(places[0], 2) == behind
        assert await view.entries_behind(places[0], 1) is None
        assert await view.entries_behind(places[1], 9) == behind[1:]
        assert await view.entries_behind(places[2], 9) == ()
        assert await view.entries_behind(replace(places[0], hash="f" * 64), 9) is None
        assert await view.entries_behind(empty_position(GENERATION), 9) is None


async def test_a_view_is_the_state_of_one_moment(state: State, entry_writer: EntryWriter) -> None:
    await apply(state, entry_writer, entry_writer.write(put("node", "a", node())))
    async with state.view() as view:
        await apply(state, entry_writer, entry_writer.write(put("node", "b", node())))
        assert (view.position.revision, [row.id for row in await view.documents()]) == (1, ["a"])
    assert [row.id for row in (await state.read()).documents] == ["a", "b"]


async def test_hashes_are_known_of_the_entries_that_are_kept(
    state: State, entry_writer: EntryWriter
) -> None:
    first, second = (entry_writer.write(put("node", name, node())) for name in ("a", "b"))
    await apply(state, entry_writer, first, second)
    known = await state.hashes([Revision(1), Revision(2), Revision(3)])
    assert known == {Revision(1): first.hash, Revision(2): second.hash}
