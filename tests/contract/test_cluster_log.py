"""What every cluster log promises: compare-and-set, order, and generations that never mix."""

import asyncio
import contextlib
from collections.abc import AsyncGenerator
from contextlib import aclosing

import pytest
import pytest_asyncio

from shared.clusterlog.log import ClusterLog, LogConflict, LogMissing, RawEntry
from shared.domain.ids import LogGeneration, Sequence
from shared.domain.log import StoredEntry
from tests.contract.servers import MEMORY, NATS, log_server
from tests.fakes.cluster_log import MemoryLog
from tests.fakes.log_servers import LogServers
from tests.integration.entries import GENERATION, EntryWriter, append_entries, node, put

SECONDS = 10.0
SECOND, THIRD = LogGeneration(2), LogGeneration(3)


@pytest_asyncio.fixture(params=[MEMORY, NATS])
async def site(request: pytest.FixtureRequest) -> AsyncGenerator[ClusterLog]:
    """The log of a site that has no generation yet."""
    if request.param == MEMORY:
        yield MemoryLog(LogServers(), GENERATION)
        return
    async with log_server(request).connected() as client:
        yield ClusterLog(client, GENERATION)


@pytest_asyncio.fixture
async def log(site: ClusterLog) -> ClusterLog:
    """The first generation, empty."""
    await site.create(1)
    return site


@pytest.fixture
def entry_writer() -> EntryWriter:
    return EntryWriter()


def raw(sequence: int, stored: StoredEntry) -> RawEntry:
    return RawEntry(Sequence(sequence), stored.encode())


async def test_a_generation_is_made_once(site: ClusterLog) -> None:
    assert not await site.exists()
    await site.create(1)
    assert await site.exists()
    with pytest.raises(LogConflict):
        await site.create(1)


async def test_a_generation_that_was_never_made_is_missing_and_not_empty(site: ClusterLog) -> None:
    with pytest.raises(LogMissing):
        await site.last()
    with pytest.raises(LogMissing):
        await site.get(Sequence(1))


async def test_a_new_generation_is_empty(log: ClusterLog) -> None:
    assert await log.last() is None
    assert await log.get(Sequence(1)) is None
    assert [each async for each in log.read_from(Sequence(1))] == []


async def test_what_was_appended_is_read_as_it_was_written_and_in_order(
    log: ClusterLog, entry_writer: EntryWriter
) -> None:
    first, second = await append_entries(log, entry_writer, "berlin", "denver")
    assert await log.get(Sequence(1)) == raw(1, first)
    assert await log.last() == raw(2, second)
    assert await log.get(Sequence(3)) is None
    assert [each async for each in log.read_from(Sequence(0))] == [raw(1, first), raw(2, second)]
    assert [each async for each in log.read_from(Sequence(2))] == [raw(2, second)]
    assert [each async for each in log.read_from(Sequence(3))] == []


async def test_of_two_writers_one_extends_the_log(
    log: ClusterLog, entry_writer: EntryWriter
) -> None:
    mine, theirs = (
        entry_writer.draft(put("node", "a", node())),
        entry_writer.draft(put("node", "b", node())),
    )
    assert await log.append(theirs, Sequence(0)) == 1
    for expected in (0, 7):
        with pytest.raises(LogConflict):
            await log.append(mine, Sequence(expected))
    assert await log.last() == raw(1, theirs)


async def test_the_same_append_again_adds_nothing(
    log: ClusterLog, entry_writer: EntryWriter
) -> None:
    (entry,) = await append_entries(log, entry_writer, "berlin")
    with contextlib.suppress(LogConflict):  # one server looks at sequences first, three do not
        assert await log.append(entry, Sequence(0)) == 1
    assert await log.last() == raw(1, entry)


async def test_a_duplicate_does_not_count_for_a_writer_that_has_lost(
    log: ClusterLog, entry_writer: EntryWriter
) -> None:
    (entry,) = await append_entries(log, entry_writer, "berlin")
    with pytest.raises(LogConflict, match="elsewhere"):
        await log.append(entry, Sequence(1))
    assert await log.last() == raw(1, entry)


async def test_a_subscription_brings_what_is_there_and_then_what_comes(
    log: ClusterLog, entry_writer: EntryWriter
) -> None:
    first, second = await append_entries(log, entry_writer, "berlin", "denver")
    async with asyncio.timeout(SECONDS), aclosing(log.follow(Sequence(2))) as messages:
        assert await anext(messages) == raw(2, second)
        third, fourth = await append_entries(log, entry_writer, "tokyo", "lagos")
        assert [await anext(messages), await anext(messages)] == [raw(3, third), raw(4, fourth)]
    async with asyncio.timeout(SECONDS), aclosing(log.follow(Sequence(0))) as messages:
        assert await anext(messages) == raw(1, first)


async def test_later_generations_are_named_the_last_first(log: ClusterLog) -> None:
    assert await log.later() == ()
    for generation in (SECOND, THIRD):
        await log.of(generation).create(1)
    assert await log.later() == (THIRD, SECOND)
    assert await log.of(SECOND).later() == (THIRD,)


async def test_an_append_lands_in_no_other_generation(
    log: ClusterLog, entry_writer: EntryWriter
) -> None:
    later = log.of(SECOND)
    await later.create(1)
    (entry,) = await append_entries(log, entry_writer, "berlin")
    assert await later.last() is None
    assert later.generation == SECOND
    assert await log.last() == raw(1, entry)
