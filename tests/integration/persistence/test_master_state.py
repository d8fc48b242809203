"""The master state in a real PostgreSQL: entries in order, once, and never of another epoch."""

import asyncio
from collections.abc import AsyncGenerator, Callable
from importlib.resources import files

import asyncpg
import pytest
import pytest_asyncio

from shared.domain.document import Document, Ref
from shared.domain.errors import StoreUnavailable
from shared.domain.ids import (
    LogGeneration,
    RequestId,
    Revision,
    Sequence,
    UnixMillis,
)
from shared.domain.log import (
    EMPTY_HASH,
    LogEntry,
    LogPlace,
    LogPosition,
    Op,
    ReplicationMode,
    StoredEntry,
)
from shared.domain.request import AnsweredRequest
from shared.persistence.master_state import (
    REQUESTS_KEPT_MS,
    MasterState,
    Part,
)
from shared.persistence.pool import Database
from tests.integration.entries import CLUSTER, GENERATION, Pen, control, delete, node, put
from tests.integration.servers import PostgresServer, free_port

pytestmark = pytest.mark.integration


Opened = Callable[[], Database]


@pytest_asyncio.fixture
async def opened(postgres_url: str) -> AsyncGenerator[Opened]:
    """Further pools on the same database, closed in the end."""
    databases: list[Database] = []

    def another() -> Database:
        databases.append(Database(postgres_url))
        return databases[-1]

    yield another
    for each in databases:
        await each.close()


@pytest.fixture
def database(opened: Opened) -> Database:
    return opened()


@pytest_asyncio.fixture
async def state(database: Database) -> MasterState:
    state = MasterState(database)
    assert await state.found(CLUSTER, GENERATION)
    return state


@pytest.fixture
def pen() -> Pen:
    return Pen()


async def apply(state: MasterState, pen: Pen, *entries: StoredEntry) -> None:
    """Apply what *pen* wrote; its position is behind the last of *entries*."""
    first = pen.position.sequence - len(entries) + 1
    for number, stored in enumerate(entries):
        async with state.transaction() as transaction:
            assert await transaction.apply(stored, Sequence(first + number))


async def test_of_several_changes_of_a_document_in_one_entry_the_last_stands(
    state: MasterState, pen: Pen
) -> None:
    first, last = put("node", "a", {**node(), "region": "eu"}), put("node", "a", node())
    await apply(state, pen, pen.write(first, last, put("node", "b", node()), delete("node", "b")))
    await apply(state, pen, pen.write(delete("node", "a"), put("node", "a", node())))

    (row,) = (await state.read()).documents

    assert (row.id, row.body) == ("a", node())


async def test_the_log_is_read_backwards_in_parts(state: MasterState, pen: Pen) -> None:
    await apply(state, pen, *(pen.write(put("node", name, node())) for name in ("a", "b", "c")))

    async def part(before: LogPlace | None, limit: int) -> list[Revision]:
        messages = await state.entries(before, limit)
        return [LogEntry.decode(StoredEntry.decode(each).body).revision for each in messages]

    everything = await part(None, 10)
    assert everything == sorted(everything, reverse=True)
    assert await part(None, 2) == everything[:2]
    assert await part(LogPlace(GENERATION, everything[1]), 10) == everything[2:]
    assert await part(LogPlace(LogGeneration(GENERATION - 1), Revision(99)), 10) == []


async def test_the_log_is_read_forwards_in_parts_with_its_sequences(
    state: MasterState, pen: Pen
) -> None:
    await apply(state, pen, *(pen.write(put("node", name, node())) for name in ("a", "b", "c")))
    last = pen.position.revision

    everything = await state.entries_after(LogPlace(LogGeneration(0), Revision(0)), 100)
    assert everything[-1][0] == pen.position.sequence
    middle = LogPlace(GENERATION, Revision(last - 2))
    assert await state.entries_after(middle, 1) == everything[-2:-1]
    assert await state.entries_after(pen.position.place, 100) == ()
    newest_first = await state.entries(None, 100)
    assert [message for _, message in everything] == list(reversed(newest_first))


async def test_documents_are_read_in_parts_that_make_a_whole(state: MasterState, pen: Pen) -> None:
    await apply(
        state,
        pen,
        pen.write(*(put("node", name, node()) for name in ("berlin", "denver", "lima"))),
        pen.write(put("user", "anna", {"role": "auditor"})),
    )

    async def part(after: Ref | None) -> list[str]:
        return [row.id for row in (await state.read(part=Part(after, 2))).documents]

    assert await part(None) == ["berlin", "denver"]
    assert await part(Ref("node", "denver")) == ["lima", "anna"]
    assert await part(Ref("user", "anna")) == []


async def test_only_the_beginning_of_an_epoch_raises_it(
    state: MasterState, pen: Pen, database: Database
) -> None:
    began = control(Op.EPOCH_BEGAN, {"node": "bravo", "mode": "degraded"})
    await apply(state, pen, pen.write(began, epoch=3))
    found = await state.read()
    assert found.position.epoch == 3
    assert found.mode is ReplicationMode.DEGRADED

    await apply(state, pen, pen.write(control(Op.MODE_CHANGED, {"mode": "synchronous"})))
    assert (await state.read()).mode is ReplicationMode.SYNCHRONOUS


async def test_the_database_itself_refuses_an_entry_of_another_epoch(
    state: MasterState, pen: Pen, database: Database
) -> None:
    await apply(state, pen, pen.write(control(Op.EPOCH_BEGAN, {"node": "alpha"}), epoch=2))
    for epoch in (1, 3):
        with pytest.raises(StoreUnavailable, match=f"is of epoch {epoch}, the state is at epoch 2"):
            async with database.connection() as connection:
                await connection.execute(
                    "INSERT INTO log_entry VALUES (1, 9, 9, $1, 'h', 'm')", epoch
                )


def request(request_id: str, digest: str, at: int) -> AnsweredRequest:
    return AnsweredRequest(RequestId(request_id), digest, Revision(1), UnixMillis(at))


async def test_a_request_is_forgotten_after_its_time(state: MasterState, pen: Pen) -> None:
    await apply(state, pen, pen.write(put("node", "a", node(), "r1")))

    await state.forget_requests(UnixMillis(1_000 + REQUESTS_KEPT_MS))
    assert await state.find_requests([RequestId("r1")])
    await state.forget_requests(UnixMillis(1_001 + REQUESTS_KEPT_MS))
    assert not await state.find_requests([RequestId("r1")])


async def test_a_snapshot_replaces_everything(state: MasterState, pen: Pen) -> None:
    await apply(state, pen, pen.write(put("node", "old", node(), "r1")))
    elsewhere = Pen()
    elsewhere.write(control(Op.EPOCH_BEGAN, {"node": "bravo"}), epoch=5)
    rows = [Document("node", "new", Revision(1), node())]
    requests = [request("r2", "d", 2_000)]
    async with state.transaction() as transaction:
        await transaction.empty(elsewhere.position, ReplicationMode.DEGRADED)
        await transaction.fill(rows, requests)

    found = await state.read()
    assert found.position == elsewhere.position
    assert found.mode is ReplicationMode.DEGRADED
    assert found.documents == tuple(rows)
    async with state.view() as view:
        assert await view.requests() == requests
    await apply(state, elsewhere, elsewhere.write(put("node", "next", node())))


async def test_the_row_orders_two_that_apply_the_same_entry(
    state: MasterState, pen: Pen, opened: Opened
) -> None:
    stored = pen.write(put("node", "berlin", node()))
    second = MasterState(opened())

    async def apply_too() -> bool:
        async with second.transaction() as transaction:
            return await transaction.apply(stored, Sequence(1))

    async with state.transaction() as transaction:
        waiting = asyncio.create_task(apply_too())
        await asyncio.sleep(0.2)
        assert not waiting.done()
        assert await transaction.apply(stored, Sequence(1))
    assert not await waiting
    assert len((await state.read()).documents) == 1


async def test_a_view_waits_for_no_writer(state: MasterState, pen: Pen) -> None:
    async with state.transaction() as transaction:
        await transaction.apply(pen.write(put("node", "berlin", node())), Sequence(1))
        async with asyncio.timeout(2):
            assert (await state.read()).position.hash == EMPTY_HASH


async def test_two_services_may_migrate_at_once(opened: Opened) -> None:
    positions = await asyncio.gather(*(MasterState(opened()).position() for _ in range(4)))
    assert positions == [None] * 4


async def test_a_migration_is_applied_once(
    state: MasterState, opened: Opened, postgres_url: str
) -> None:
    await MasterState(opened()).position()
    connection = await asyncpg.connect(postgres_url)
    names = [row["name"] for row in await connection.fetch("SELECT name FROM migration")]
    await connection.close()
    folder = files("shared.persistence") / "migrations"
    assert sorted(names) == sorted(each.name for each in folder.iterdir())


async def test_a_database_that_is_not_there_is_unavailable() -> None:
    state = MasterState(Database(f"postgresql://nobody@127.0.0.1:{free_port()}/nothing"))
    with pytest.raises(StoreUnavailable, match="the database failed"):
        await state.position()


async def test_the_pool_survives_a_restart_of_the_server(
    state: MasterState, pen: Pen, postgres: PostgresServer
) -> None:
    await apply(state, pen, pen.write(put("node", "berlin", node())))
    postgres.stop()
    with pytest.raises(StoreUnavailable):
        await state.position()
    postgres.start()
    async with asyncio.timeout(20):
        while await position_or_none(state) != pen.position:
            await asyncio.sleep(0.1)


async def position_or_none(state: MasterState) -> LogPosition | None:
    """Where the copy is; None while its server recovers."""
    try:
        return await state.position()
    except StoreUnavailable:
        return None


async def test_a_copy_from_a_snapshot_knows_no_entries_but_where_it_is(
    state: MasterState, pen: Pen
) -> None:
    first = pen.write(put("node", "a", node()))
    await apply(state, pen, first)
    position = pen.position
    async with state.transaction() as transaction:
        await transaction.empty(position, ReplicationMode.SYNCHRONOUS)
    second = pen.write(put("node", "b", node()))

    async with state.view() as view:
        assert await view.entries_behind(position, 9) == ()
    await apply(state, pen, second)
    async with state.view() as view:
        assert await view.entries_behind(position, 9) is None
