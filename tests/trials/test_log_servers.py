"""Log servers that end, sleep or lose their store: what the site accepts meanwhile."""

import asyncio
import shutil
import time
from typing import Any

import pytest

from stack import nats
from stack.process_group import NATS
from tests.system.sick_site import SickSite
from tests.system.test_elections import ELECTION_SECONDS, until_witness_leads

DOWN_SECONDS = 5.0
SERVERS = ("alpha", "bravo", "witness")
REPORTED_SECONDS = 60.0
BACK_SECONDS = 15.0
"""An election among the log's servers, and the attempt that a writer had begun."""


async def kill(sick_site: SickSite, *nodes: str) -> None:
    """End these log servers; they stay away until `start`."""
    await asyncio.gather(*(sick_site.supervisor.kill(node, NATS) for node in nodes))


async def start(sick_site: SickSite, *nodes: str) -> None:
    await asyncio.gather(*(sick_site.supervisor.start(node, NATS) for node in nodes))


async def reported_out(sick_site: SickSite, node: str) -> None:
    """Wait until the check says that the log survives no further loss, and names *node*."""
    found: dict[str, Any] = {}
    async with asyncio.timeout(REPORTED_SECONDS):
        while found.get("survives_loss") is not False:
            found = await sick_site.check()
            await asyncio.sleep(0.2)
    assert node in found["survival"], found


async def test_log_servers_that_are_killed_in_turn_cost_a_moment_and_no_change(
    sick_site: SickSite,
) -> None:
    for node in SERVERS:
        await sick_site.well()
        async with sick_site.writing():
            begin = time.monotonic()
            await kill(sick_site, node)
            await reported_out(sick_site, node)
            await sick_site.accepted_again(time.monotonic())
            await start(sick_site, node)
            await sick_site.well()
        assert sick_site.longest_pause(begin) < BACK_SECONDS


async def test_two_log_servers_at_once_stop_the_changes_until_one_of_them_is_back(
    sick_site: SickSite,
) -> None:
    _, backup = await sick_site.well()
    async with sick_site.writing():
        await kill(sick_site, backup, "witness")
        await asyncio.sleep(DOWN_SECONDS)
        stopped = time.monotonic()
        await asyncio.sleep(DOWN_SECONDS)
        assert sick_site.accepted(stopped) == [], "one of three is no quorum"
        await start(sick_site, backup, "witness")
        await sick_site.accepted_again(time.monotonic())
        assert sick_site.longest_pause(stopped) < DOWN_SECONDS + ELECTION_SECONDS
    await sick_site.well()


async def test_a_store_that_was_deleted_is_filled_again_by_the_others(sick_site: SickSite) -> None:
    layout = sick_site.site.layout
    for node in ("witness", (await sick_site.well())[0]):
        await sick_site.well()
        async with sick_site.writing():
            begin = time.monotonic()
            await kill(sick_site, node)
            store = nats.store_folder(layout, node)
            for each in list(store.resolve().iterdir()):
                shutil.rmtree(each)
            await start(sick_site, node)
            await sick_site.accepted_again(time.monotonic())
            await sick_site.well()
        assert sick_site.longest_pause(begin) < BACK_SECONDS
    copies = await sick_site.api.call("GET", "/log/verify")
    assert [each["fault"] for each in copies if each["fault"]] == []


@pytest.mark.parametrize("seconds", [3.0, 10.0, 30.0])
async def test_a_log_leader_that_sleeps_moves_no_role_and_is_replaced_by_an_election(
    sick_site: SickSite, seconds: float
) -> None:
    await sick_site.well()
    await until_witness_leads(sick_site.site)
    roles, before = await sick_site.well(), await sick_site.epoch()
    async with sick_site.writing():
        begin = time.monotonic()
        await sick_site.sick.begin("stall", "witness", NATS)
        await asyncio.sleep(seconds)
        if seconds > ELECTION_SECONDS:
            await sick_site.accepted_again(begin + ELECTION_SECONDS)
        sick_site.sick.end()
        await sick_site.accepted_again(time.monotonic())
        assert sick_site.longest_pause(begin) < ELECTION_SECONDS
    assert await sick_site.well() == roles
    assert await sick_site.epoch() == before
