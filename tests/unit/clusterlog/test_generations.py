"""Which generation of the log a rebuild begins, and what it is told when it needs not."""

from collections.abc import Callable

from shared.clusterlog.generations import BegunGeneration, find_next_generation
from shared.domain.ids import LogGeneration
from tests.fakes.cluster_log import MemoryLog
from tests.integration.entries import EntryWriter

SECOND, THIRD = LogGeneration(2), LogGeneration(3)


class Meanwhile(MemoryLog):
    """A log whose later generations somebody changes right after they were looked for."""

    happens: Callable[[], object]

    async def later(self) -> tuple[LogGeneration, ...]:
        found = await super().later()
        self.happens()
        return found


async def test_the_next_generation_is_the_one_after_the_log() -> None:
    assert await find_next_generation(MemoryLog(), EntryWriter().trust()) == SECOND


async def test_a_stream_that_was_made_and_never_begun_is_the_next() -> None:
    log = MemoryLog()
    log.begin(SECOND)
    assert await find_next_generation(log, EntryWriter().trust()) == SECOND


async def test_streams_that_hold_something_else_are_passed_by() -> None:
    log = MemoryLog()
    log.begin(SECOND).put(b"noise")
    log.begin(THIRD).put(EntryWriter().begin(THIRD).encode())
    assert await find_next_generation(log, EntryWriter().trust()) == LogGeneration(4)


async def test_one_that_has_begun_is_reported_also_behind_an_empty_one() -> None:
    log, entry_writer = MemoryLog(), EntryWriter()
    log.begin(SECOND)
    log.begin(THIRD).put(entry_writer.begin(THIRD).encode())
    found = await find_next_generation(log, entry_writer.trust())
    assert isinstance(found, BegunGeneration)
    assert (found.generation, found.first.log_generation) == (THIRD, THIRD)


async def test_one_that_begins_meanwhile_is_reported_and_never_passed_by() -> None:
    log, entry_writer = Meanwhile(), EntryWriter()
    log.happens = lambda: log.begin(SECOND).put(entry_writer.begin(SECOND).encode())
    found = await find_next_generation(log, entry_writer.trust())
    assert isinstance(found, BegunGeneration)
    assert found.generation == SECOND
