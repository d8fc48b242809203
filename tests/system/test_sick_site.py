"""A master that is sick, not dead: its disk is full, its config sleeps, its table is locked.

Whoever cannot do the primary's work hands the role over once, says why, and comes back as a backup
when it is well; a fault that both masters share moves nothing.
"""

import asyncio
import time
from collections.abc import AsyncGenerator

import pytest
import pytest_asyncio

from tests.system.chaos.sickness import possible
from tests.system.people import run_meridian
from tests.system.sick_site import MASTERS, SickSite

ELSEWHERE_SECONDS = 10.0
"""So long at most no change is accepted when a primary is sick and its backup is well."""

SHARED_SECONDS = 6.0
"""Twice as long as a database may be silent at this preset before its master is not fit."""


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def sick_site(tmp_path_factory: pytest.TempPathFactory) -> AsyncGenerator[SickSite]:
    """One site for this file."""
    async with SickSite.start(tmp_path_factory.mktemp("home")) as site:
        yield site


@pytest.mark.timeout(240)
@pytest.mark.parametrize(
    ("verb", "service", "words"),
    [
        pytest.param(
            *("disk full", "", ("No space left", "disk")),
            marks=[
                pytest.mark.root,
                pytest.mark.skipif("disk full" not in possible(), reason="no disk of our own"),
            ],
        ),
        ("stall", "config", ("config",)),
    ],
    ids=["disk full", "config dead"],
)
async def test_a_sick_primary_hands_its_role_over_once_says_why_and_comes_back_as_backup(
    sick_site: SickSite, verb: str, service: str, words: tuple[str, ...]
) -> None:
    primary, backup = await sick_site.well()
    before = await sick_site.epoch()
    async with sick_site.writing():
        begin = time.monotonic()
        await sick_site.sick.begin(verb, primary, service)
        assert await sick_site.role_moves(primary) == backup
        await sick_site.accepted_again(time.monotonic())
        pause = sick_site.longest_pause(begin)
        assert pause <= ELSEWHERE_SECONDS, f"no change for {pause:.1f} s"
        await sick_site.gives_reason(primary, *words)
        code, output = await run_meridian(sick_site.env, "failover", "check")
        assert code == 1, output
        code, output = await run_meridian(sick_site.env, "status")
        assert any(f"  {primary}: " in line for line in output.splitlines()), output

        sick_site.sick.end()
        assert await sick_site.well() == (backup, primary)
        await sick_site.accepted_again(time.monotonic())
    assert await sick_site.epoch() == before + 1, "the role moved once"


@pytest.mark.timeout(240)
async def test_a_backup_whose_config_is_dead_says_no_and_why_and_takes_no_role(
    sick_site: SickSite,
) -> None:
    primary, backup = await sick_site.well()
    await sick_site.sick.begin("stall", backup, "config")
    try:
        await sick_site.gives_reason(backup, "config")
        code, output = await run_meridian(sick_site.env, "failover", "check")
        assert code == 1, output
        sick_site.site.freeze(primary)
        try:
            end = time.monotonic() + SHARED_SECONDS
            while time.monotonic() < end:
                assert await sick_site.site.primary() != backup
                await asyncio.sleep(0.1)
        finally:
            sick_site.site.thaw(primary)
        assert await sick_site.role_moves(backup) == primary
    finally:
        sick_site.sick.end()
    assert await sick_site.well() == (primary, backup)


@pytest.mark.timeout(240)
async def test_a_lock_on_both_masters_entries_moves_no_role_and_both_say_why(
    sick_site: SickSite,
) -> None:
    primary, backup = await sick_site.well()
    before = await sick_site.epoch()
    async with sick_site.writing():
        begin = time.monotonic()
        await sick_site.sick.begin("lock", primary)
        await sick_site.sick.begin("lock", backup)
        await asyncio.gather(
            *(sick_site.gives_reason(node, "database", "commit") for node in MASTERS)
        )
        while time.monotonic() < begin + 2 * SHARED_SECONDS:
            assert await sick_site.epoch() == before
            await asyncio.sleep(0.2)
        sick_site.sick.end()
        await sick_site.accepted_again(time.monotonic())
    assert await sick_site.well() == (primary, backup)
    assert await sick_site.epoch() == before
