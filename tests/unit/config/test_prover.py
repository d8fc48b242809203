"""Config probes its database when nothing else was committed, and says what the probes prove."""

import asyncio
import contextlib
import logging
from collections.abc import AsyncGenerator, Awaitable, Callable

import pytest

from services.config.write.prover import LINK_SECONDS, LONGEST_PAUSE_SECONDS, Prover
from shared.domain.errors import Unavailable
from shared.domain.timing import LEASE_TIMINGS
from shared.events.proof import ProveConfig, ServiceProof
from tests.fakes.cluster_log import MemoryLink
from tests.fakes.masters import FakeMaster, Masters, proposal
from tests.fakes.virtual_time import VirtualClock, pause, turn
from tests.unit.config.test_writer import accepted, ask, run_scenario

TIMING = LEASE_TIMINGS["local"]
STORE_TIMEOUT_SECONDS = 2 * TIMING.ttl_seconds
Scenario = Callable[[Masters, Prover], Awaitable[None]]


@contextlib.asynccontextmanager
async def proving(master: FakeMaster) -> AsyncGenerator[Prover]:
    state, link = master.state, MemoryLink(master.log)
    prover = Prover(master.writer, state, state, link, TIMING)
    task = asyncio.create_task(prover.run())
    await turn()
    try:
        yield prover
        assert not task.done()
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


def run_proving(scenario: Scenario) -> None:
    """Run *scenario* with alpha as the primary, and its prover at work."""

    async def whole(site: Masters) -> None:
        async with proving(site.alpha) as prover:
            await scenario(site, prover)

    run_scenario(whole)


async def prove(prover: Prover) -> ServiceProof:
    return await prover.on_prove(ProveConfig(node=prover.replica.node))


async def age(prover: Prover) -> float:
    return VirtualClock().now() - (await prove(prover)).worked_at


def test_an_idle_master_probes_twice_in_a_time_to_live() -> None:
    async def scenario(site: Masters, prover: Prover) -> None:
        before = site.alpha.state.probes
        for _ in range(60):
            await pause(0.5)
            assert await age(prover) <= TIMING.ttl_seconds / 2 + 0.1
        assert 30 / prover.probe_seconds - 2 <= site.alpha.state.probes - before
        assert site.alpha.state.probes - before <= 30 / prover.probe_seconds + 1

    run_proving(scenario)


def test_a_master_that_commits_changes_writes_no_probe() -> None:
    async def scenario(site: Masters, prover: Prover) -> None:
        await accepted(site, ask(site.alpha, proposal("0")))
        before = site.alpha.state.probes
        for number in range(1, 20):
            await pause(0.2)
            await accepted(site, ask(site.alpha, proposal(str(number))))
        assert site.alpha.state.probes == before
        assert await age(prover) < prover.probe_seconds

    run_proving(scenario)


def test_the_primary_proves_its_epoch_and_a_backup_that_it_could_write() -> None:
    async def scenario(site: Masters, prover: Prover) -> None:
        assert (await prove(prover)).epoch == 1
        async with proving(site.bravo) as backup:
            proof = await prove(backup)
            assert (proof.epoch, proof.refusals, proof.cause) == (0, 0, "")
            assert await age(backup) < 0.1
        await site.alpha.pause_writes(1)
        assert (await prove(prover)).epoch == 0, "a paused primary accepts no changes"

    run_proving(scenario)


def test_a_full_disk_is_refusals_and_well_again_by_itself() -> None:
    async def scenario(site: Masters, prover: Prover) -> None:
        site.alpha.state.writes_refused = "the disk is full"
        await pause(STORE_TIMEOUT_SECONDS)
        proof = await prove(prover)
        assert proof.refusals >= 3
        assert proof.cause == "the database refused: the disk is full"
        assert await age(prover) >= STORE_TIMEOUT_SECONDS - 1
        site.alpha.state.writes_refused = ""
        await pause(LONGEST_PAUSE_SECONDS + 0.1)
        assert (await prove(prover)).refusals == 0
        assert await age(prover) <= LONGEST_PAUSE_SECONDS + 0.1

    run_proving(scenario)


def test_three_refusals_in_a_row_are_known_within_the_store_timeout() -> None:
    async def scenario(site: Masters, prover: Prover) -> None:
        site.alpha.state.writes_refused = "the disk is full"
        began = VirtualClock().now()
        while (await prove(prover)).refusals < 3:
            await pause(0.05)
        assert VirtualClock().now() - began < STORE_TIMEOUT_SECONDS

    run_proving(scenario)


def test_refused_appends_are_not_hidden_by_probes_that_commit() -> None:
    async def scenario(site: Masters, prover: Prover) -> None:
        site.alpha.state.writes_refused = "the disk is full"
        for number in range(3):
            with pytest.raises(Exception, match="full"):
                await ask(site.alpha, proposal(str(number)))
            await pause(0.5)
        site.alpha.state.writes_refused = ""
        await pause(5)
        assert (await prove(prover)).refusals >= 3
        await accepted(site, ask(site.alpha, proposal("later")))
        assert (await prove(prover)).refusals == 0

    run_proving(scenario)


def test_a_lock_is_silence_and_the_probe_that_waited_for_it_is_the_proof() -> None:
    async def scenario(site: Masters, prover: Prover) -> None:
        site.alpha.state.is_locked = True
        await pause(10)
        proof = await prove(prover)
        assert proof.refusals == 0
        assert await age(prover) > STORE_TIMEOUT_SECONDS
        assert proof.cause == "the database did not commit within 3 s"
        site.alpha.state.is_locked = False
        await pause(LONGEST_PAUSE_SECONDS + 0.2)
        assert await age(prover) < prover.probe_seconds + 0.2

    run_proving(scenario)


def test_a_database_that_is_gone_is_silence() -> None:
    async def scenario(site: Masters, prover: Prover) -> None:
        site.alpha.state.is_down = True
        await pause(10)
        proof = await prove(prover)
        assert (proof.refusals, proof.cause) == (0, "the database cannot be reached")
        site.alpha.state.is_down = False
        await pause(LONGEST_PAUSE_SECONDS + 0.1)
        assert (await prove(prover)).cause == ""

    run_proving(scenario)


def test_a_slow_disk_proves_a_commit_as_late_as_it_was() -> None:
    async def scenario(site: Masters, prover: Prover) -> None:
        site.alpha.state.write_seconds = 1.0
        for _ in range(40):
            await pause(0.25)
            assert await age(prover) <= 1.0 + prover.probe_seconds + 0.1
        assert (await prove(prover)).cause == ""

    run_proving(scenario)


def test_a_database_of_no_cluster_is_not_written_to_and_that_is_the_cause() -> None:
    async def scenario(site: Masters) -> None:
        site.bravo.state.is_founded = False
        async with proving(site.bravo) as prover:
            await pause(5)
            proof = await prove(prover)
            assert (proof.worked_at, site.bravo.state.probes) == (0.0, 0)
            assert proof.cause == "this database belongs to no cluster: init or join it first"
            site.bravo.state.is_founded = True
            await pause(LONGEST_PAUSE_SECONDS + 0.1)
            assert (await prove(prover)).cause == ""

    run_scenario(scenario)


def test_a_lost_connection_to_the_log_lets_the_proof_grow_old_and_refuses_nothing() -> None:
    async def scenario(site: Masters, prover: Prover) -> None:
        site.alpha.log.is_reachable = False
        await pause(10)
        proof = await prove(prover)
        assert proof.refusals == 0
        assert proof.cause == "there is no connection to NATS"
        assert await age(prover) > STORE_TIMEOUT_SECONDS
        site.alpha.log.is_reachable = True
        await pause(LONGEST_PAUSE_SECONDS + LINK_SECONDS)
        assert (await prove(prover)).cause == ""
        assert await age(prover) < TIMING.ttl_seconds

    run_proving(scenario)


def test_an_answer_waits_for_nothing() -> None:
    async def scenario(site: Masters, prover: Prover) -> None:
        site.alpha.state.is_locked = True
        ask(site.alpha, proposal("1"))
        await pause(2)
        before = VirtualClock().now()
        await prove(prover)
        assert VirtualClock().now() == before

    run_proving(scenario)


def test_an_outage_is_one_line_and_one_when_it_is_over(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO, "meridian.config")

    async def scenario(site: Masters, prover: Prover) -> None:
        await accepted(site, ask(site.alpha, proposal("before")))
        caplog.clear()
        site.alpha.state.writes_refused = "the disk is full"
        for number in range(60):
            asked = ask(site.alpha, proposal(str(number)))
            await pause(0.5)
            with contextlib.suppress(Exception):
                await asked
        site.alpha.state.writes_refused = ""
        await pause(2)
        await accepted(site, ask(site.alpha, proposal("after")))
        assert await age(prover) < 1

    run_proving(scenario)
    lines = [each.message for each in caplog.records if each.name == "meridian.config"]
    assert sorted(lines) == [
        "accepting changes again in epoch 1",
        "not accepting changes: the database refused: the disk is full",
        "the database commits again",
        "this master proves no commit: the database refused: the disk is full",
    ]


def test_a_writer_whose_database_refuses_tries_at_growing_pauses() -> None:
    async def scenario(site: Masters, _: Prover) -> None:
        site.alpha.state.writes_refused = "the disk is full"
        began, appends = VirtualClock().now(), site.alpha.log.appends
        for number in range(20):
            asked = VirtualClock().now()
            with pytest.raises(Unavailable, match="the disk is full"):
                await ask(site.alpha, proposal(str(number)))
            assert VirtualClock().now() - asked <= 2.1, "nobody waits for more than two tries"
        assert VirtualClock().now() - began > 10, "that is two tries a second at most"
        assert site.alpha.log.appends == appends, "what the database refuses is not appended"

    run_proving(scenario)
