"""The pen when the log goes on in another generation: what it writes, and where it never lands."""

import pytest

from shared.domain.errors import LogUnavailable, MeridianError
from shared.domain.ids import LogGeneration, Sequence
from shared.domain.log import LogEntry, StoredEntry
from tests.fakes.cluster_log import MemoryLog
from tests.fakes.masters import Masters, proposal
from tests.fakes.virtual_time import pause, run, turn
from tests.integration.entries import Pen

LONG = 1_000.0


async def begun(site: Masters) -> None:
    """Alpha is primary and both copies are at the log's end."""
    site.alpha.permit(1, LONG)
    await turn()
    await site.confirm()
    await turn()
    await site.confirm()


def later(site: Masters, generation: int = 2) -> MemoryLog:
    """The log is lost; a later generation goes on where alpha's database stands."""
    site.log.lose()
    pen = Pen(site.alpha.key, site.alpha.node, site.alpha.state.at)
    first = pen.begin(generation).encode()
    log = site.log.begin(LogGeneration(generation))
    log.put(first)
    return log


def generations(log: MemoryLog) -> list[int]:
    return [LogEntry.decode(StoredEntry.decode(each).body).log_generation for each in log.messages]


def test_a_primary_goes_on_in_the_generation_that_began_at_its_last_entry() -> None:
    async def scenario() -> None:
        site = Masters.found()
        async with site.writing():
            await begun(site)
            second = later(site)
            with pytest.raises(MeridianError):
                await site.alpha.propose(proposal("lost"))
            site.alpha.permit(2, LONG)
            await pause(1.0)
            assert site.alpha.writer.is_acting
            assert site.alpha.state.at.log_generation == 2
            assert set(generations(second)) == {2}
            assert len(second.messages) >= 2  # what began it, and the new epoch

    run(scenario())


def test_a_log_that_is_lost_takes_no_change_and_none_is_called_failed_after_all() -> None:
    async def scenario() -> None:
        site = Masters.found()
        async with site.writing():
            await begun(site)
            site.log.lose()
            with pytest.raises(LogUnavailable):
                await site.alpha.propose(proposal("r-1"))
            assert not site.alpha.writer.is_acting

    run(scenario())


def test_what_was_prepared_in_one_generation_lands_in_no_other() -> None:
    async def scenario() -> None:
        site = Masters.found()
        async with site.writing():
            await begun(site)
            replica = site.alpha.writer.replica
            prepared = Pen(site.alpha.key, site.alpha.node, replica.position)
            log, entry = replica.log, prepared.draft()
            second = later(site)
            before = list(second.messages)
            for expected in (replica.end, Sequence(len(before))):
                with pytest.raises(LogUnavailable):
                    await log.append(entry, expected)
            assert second.messages == before

    run(scenario())


def test_a_generation_that_began_elsewhere_is_not_extended() -> None:
    async def scenario() -> None:
        site = Masters.found()
        async with site.writing():
            await begun(site)
            site.log.lose()
            stranger = Pen(site.alpha.key, site.alpha.node)
            stranger.write()
            other = site.log.begin(LogGeneration(2))
            other.put(stranger.begin(2).encode())
            with pytest.raises(LogUnavailable, match="does not hold this database's last entry"):
                await site.alpha.writer.replica.catch_up()
            assert len(other.messages) == 1

    run(scenario())
