"""The history of the status in a real PostgreSQL: kept once, read by page, bounded."""

from collections.abc import AsyncGenerator

import pytest
import pytest_asyncio

from shared.domain.errors import StoreUnavailable
from shared.domain.ids import NodeId, UnixMillis
from shared.domain.log import ReplicationMode
from shared.persistence import status_history
from shared.persistence.master_state import MasterState
from shared.persistence.pool import Database
from shared.persistence.status_history import KEPT_MS, StatusEvent, StatusHistory, Wanted
from tests.integration.entries import CLUSTER, GENERATION, EntryWriter

pytestmark = pytest.mark.integration

PRIMARY = "failover.primary_changed"


def event(number: int, *nodes: str, about: str | None = None, at: int | None = None) -> StatusEvent:
    return StatusEvent(
        id=f"e{number}",
        at=UnixMillis(1_000 * number if at is None else at),
        speaker=NodeId("alpha"),
        fact=PRIMARY,
        nodes=nodes or ("alpha",),
        about=about,
        sentence=f"event {number}",
        body={"number": number},
    )


@pytest_asyncio.fixture
async def database(postgres_url: str) -> AsyncGenerator[Database]:
    made = Database(postgres_url)
    yield made
    await made.close()


@pytest.fixture
def history(database: Database) -> StatusHistory:
    return StatusHistory(database)


async def ids(history: StatusHistory, wanted: Wanted) -> list[str]:
    return [each.id for each in await history.read(wanted)]


async def test_the_newest_comes_first_and_comes_back_whole(history: StatusHistory) -> None:
    assert await history.newest() is None
    await history.keep([event(1, "alpha", "bravo"), event(2)])
    assert await history.read(Wanted(10)) == (event(2), event(1, "alpha", "bravo"))
    assert await history.newest() == 2_000


async def test_an_event_is_kept_once_whoever_brings_it(history: StatusHistory) -> None:
    await history.keep([event(1), event(2)])
    await history.keep([event(2), event(3)])
    assert await ids(history, Wanted(10)) == ["e3", "e2", "e1"]


async def test_a_page_goes_on_where_the_last_one_ended(history: StatusHistory) -> None:
    await history.keep([event(number, at=5_000) for number in range(5)])
    first = await history.read(Wanted(2))
    last = first[-1].at, first[-1].id
    assert [each.id for each in first] == ["e4", "e3"]
    assert await ids(history, Wanted(10, before=last)) == ["e2", "e1", "e0"]


async def test_it_is_chosen_by_time_and_by_node(history: StatusHistory) -> None:
    await history.keep([event(1, "bravo"), event(2, "alpha"), event(3, "alpha", "bravo")])
    assert await ids(history, Wanted(10, since=UnixMillis(2_000))) == ["e3", "e2"]
    assert await ids(history, Wanted(10, node="bravo")) == ["e3", "e1"]
    assert await ids(history, Wanted(10, node="tokyo")) == []


async def test_a_state_lasts_until_the_next_about_the_same(history: StatusHistory) -> None:
    await history.keep([event(1, about=PRIMARY), event(2, about="mode"), event(5, about=PRIMARY)])
    await history.keep([event(3)])
    assert {each.id: each.until for each in await history.read(Wanted(10))} == {
        "e1": 5_000,
        "e2": None,
        "e3": None,
        "e5": None,
    }


async def test_what_is_old_is_forgotten(history: StatusHistory) -> None:
    await history.keep([event(1), event(2)])
    await history.forget(UnixMillis(KEPT_MS + 1_500))
    assert await ids(history, Wanted(10)) == ["e2"]


async def test_the_oldest_of_too_many_are_forgotten(
    history: StatusHistory, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(status_history, "KEPT_ROWS", 3)
    await history.keep([event(number) for number in range(6)])
    await history.forget(UnixMillis(10_000))
    assert await ids(history, Wanted(10)) == ["e5", "e4", "e3"]


async def test_a_snapshot_leaves_the_history_as_it_is(
    database: Database, history: StatusHistory
) -> None:
    state = MasterState(database)
    await state.found(CLUSTER, GENERATION)
    await history.keep([event(1)])
    async with state.transaction() as transaction:
        await transaction.empty(EntryWriter().position, ReplicationMode.DEGRADED)
    assert await ids(history, Wanted(10)) == ["e1"]


async def test_a_database_that_is_gone_is_reported(history: StatusHistory) -> None:
    away = StatusHistory(Database("postgresql://nobody@127.0.0.1:1/nothing"))
    with pytest.raises(StoreUnavailable):
        await away.read(Wanted(1))
    assert await history.newest() is None
