"""What every object store of snapshots promises."""

from collections.abc import AsyncGenerator

import pytest
import pytest_asyncio

from shared.clusterlog.snapshots import SnapshotMissing, SnapshotStore
from shared.messaging.connection import jetstream_of
from shared.messaging.streams import ensure_streams
from tests.contract.servers import MEMORY, NATS, log_server
from tests.fakes.snapshots import MemorySnapshots

NAME = "full-alpha-1"


@pytest_asyncio.fixture(params=[MEMORY, NATS])
async def store(request: pytest.FixtureRequest) -> AsyncGenerator[SnapshotStore | MemorySnapshots]:
    if request.param == MEMORY:
        yield MemorySnapshots()
        return
    async with log_server(request).connected() as client:
        await ensure_streams(jetstream_of(client), 1)
        yield SnapshotStore(client)


@pytest.mark.parametrize("size", [0, 1, 100_000, 600_000])
async def test_an_object_is_fetched_as_it_was_stored(
    store: SnapshotStore | MemorySnapshots, size: int
) -> None:
    data = bytes(range(256)) * (size // 256) + b"x" * (size % 256)
    await store.put(NAME, data)
    assert await store.get(NAME) == data


async def test_the_last_object_of_a_name_stands_and_no_other_is_touched(
    store: SnapshotStore | MemorySnapshots,
) -> None:
    await store.put("other", b"kept")
    await store.put(NAME, b"before")
    await store.put(NAME, b"after")
    assert (await store.get(NAME), await store.get("other")) == (b"after", b"kept")


async def test_what_is_not_there_is_missing(store: SnapshotStore | MemorySnapshots) -> None:
    with pytest.raises(SnapshotMissing):
        await store.get(NAME)


async def test_an_object_is_taken_away_once(store: SnapshotStore | MemorySnapshots) -> None:
    await store.put(NAME, b"data")
    assert await store.drop(NAME)
    assert not await store.drop(NAME)
    with pytest.raises(SnapshotMissing):
        await store.get(NAME)
    await store.put(NAME, b"again")
    assert await store.get(NAME) == b"again"
