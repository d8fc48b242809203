"""A sick primary hands its role over: step by step, and what happens when a step fails."""

import asyncio
import contextlib
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from dataclasses import replace

from services.failover_monitor.core.facts import PeerHeartbeat
from services.failover_monitor.core.fitness import CONFIG, REFUSALS
from services.failover_monitor.core.health import HealthReport
from shared.domain.ids import Epoch
from shared.events.config import PauseWrites
from shared.events.failover import AssumeRole, PrepareForRole, PrimaryChanged
from tests.fakes.proofs import working
from tests.fakes.virtual_time import VirtualClock, pause, run
from tests.unit.failover_monitor.test_switchover import BRAVO, Site, two_masters

HEARTBEAT_SECONDS = 0.5
DISK_FULL = "the disk is full"


@asynccontextmanager
async def watched_masters() -> AsyncGenerator[Site]:
    """Alpha is primary and watches itself; bravo has been ready for a while."""
    async with two_masters() as site:
        site.alpha.body.accepts_epoch = Epoch(1)
        site.bravo.body.accepts_epoch = Epoch(2)
        tasks = [
            asyncio.create_task(site.alpha.giving_way.run()),
            asyncio.create_task(hear_bravo(site)),
        ]
        try:
            await pause(4)
            yield site
        finally:
            for task in tasks:
                task.cancel()
            for task in tasks:
                with contextlib.suppress(asyncio.CancelledError):
                    await task


async def hear_bravo(site: Site) -> None:
    """Alpha hears bravo's heartbeats."""
    while True:
        could = site.bravo.monitor.status(VirtualClock().now()).could_take_over
        await site.alpha.runner.step(PeerHeartbeat(BRAVO, could_take_over=could))
        await pause(HEARTBEAT_SECONDS)


def refuse_commits(site: Site) -> None:
    """Alpha's database refuses every commit from now on."""
    now = VirtualClock().now()
    proofs = tuple(
        replace(proof, refusals=REFUSALS, cause=DISK_FULL) if proof.service == CONFIG else proof
        for proof in working(now, Epoch(1))
    )
    site.alpha.body.report = replace(site.alpha.body.report, proofs=proofs)


def changes(site: Site) -> list[PrimaryChanged]:
    return [event for event in site.bravo.published if isinstance(event, PrimaryChanged)]


def test_a_refused_primary_hands_over_at_once_and_names_the_cause() -> None:
    async def scenario() -> None:
        async with watched_masters() as site:
            refuse_commits(site)
            await pause(1.0)
            assert site.bravo.is_primary
            assert not site.alpha.is_primary
            (changed,) = changes(site)
            cause = f"alpha handed its role over: its config commits nothing: {DISK_FULL}"
            assert changed.cause == cause
            kinds = [type(order) for order in site.orders]
            assert kinds == [PrepareForRole, PauseWrites, PrepareForRole, AssumeRole]
            assert {grant.planned for grant in site.bravo.grants()} == {False}

    run(scenario())


def test_a_config_that_confirms_no_pause_is_waited_for_until_its_last_grant_has_run_out() -> None:
    async def scenario() -> None:
        async with watched_masters() as site:
            site.silent.add(PauseWrites)
            refuse_commits(site)
            began = VirtualClock().now()
            while not site.bravo.is_primary:
                await pause(0.01)
                assert VirtualClock().now() < began + 4
            last = max(grant.valid_until for grant in site.alpha.grants() if not grant.paused)
            assert VirtualClock().now() > last
            assert VirtualClock().now() < last + 0.5

    run(scenario())


def test_a_successor_that_cannot_commit_either_gets_nothing() -> None:
    async def scenario() -> None:
        async with watched_masters() as site:
            site.bravo.body.config_fault = f"its config commits nothing: {DISK_FULL}"
            refuse_commits(site)
            await pause(1.5)
            assert site.alpha.is_primary
            assert changes(site) == []
            assert PauseWrites not in {type(order) for order in site.orders}

    run(scenario())


def test_a_successor_that_falls_sick_while_the_grants_run_out_gets_nothing() -> None:
    async def scenario() -> None:
        async with watched_masters() as site:
            site.silent.add(PauseWrites)
            refuse_commits(site)
            await pause(1.2)
            assert PauseWrites in {type(order) for order in site.orders}
            site.bravo.body.config_fault = "its config does not commit now"
            await pause(2.0)
            assert changes(site) == []
            reasons = site.alpha.monitor.status(VirtualClock().now()).reasons
            assert reasons != (), "it has its role again and says what is wrong"

    run(scenario())


def test_a_successor_that_does_not_confirm_the_role_has_it_all_the_same() -> None:
    async def scenario() -> None:
        async with watched_masters() as site:
            site.silent.add(AssumeRole)
            refuse_commits(site)
            await pause(3)
            assert site.bravo.is_primary
            assert len(changes(site)) == 1

    run(scenario())


def test_a_primary_that_is_well_hands_nothing_over() -> None:
    async def scenario() -> None:
        async with watched_masters() as site:
            await pause(30)
            assert site.alpha.is_primary
            assert site.orders == []

    run(scenario())


def test_a_switchover_is_refused_while_a_sick_primary_hands_over() -> None:
    async def scenario() -> None:
        async with watched_masters() as site:
            site.silent.add(PauseWrites)
            refuse_commits(site)
            await pause(1.2)
            assert (await site.refused()).code == "under_way"

    run(scenario())


def test_a_backup_that_is_barred_by_its_operator_gets_nothing() -> None:
    async def scenario() -> None:
        async with watched_masters() as site:
            site.bravo.body.report = HealthReport(vetoes=("automatic failover is off",))
            await pause(2)
            refuse_commits(site)
            await pause(10)
            assert site.alpha.is_primary
            assert site.orders == []

    run(scenario())
