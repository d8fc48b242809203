"""The primary's machine dies while changes are made; what was acknowledged stays."""

import asyncio
import time

import pytest

from shared.domain.log import ReplicationMode
from stack.demo.writer import ChangeWriter
from stack.site import Site
from tests.system.people import until

A_FAILOVER = 20.0
"""More than any takeover takes, also while the lease's log elects a leader on a busy machine."""


async def _changes(writer: ChangeWriter, count: int) -> None:
    await until(lambda: len(writer.acknowledged) > count)


async def _proposed_after(writer: ChangeWriter, moment: float) -> None:
    await until(lambda: writer.acknowledged[-1][1] > moment, A_FAILOVER)


@pytest.mark.timeout(240)
async def test_two_failovers_in_a_row_lose_nothing_that_was_acknowledged(site: Site) -> None:
    writer = ChangeWriter(site.gateway_urls, site.ca_file, site.admin_password, prefix="twice")
    stop = asyncio.Event()
    writing = asyncio.create_task(writer.run(stop))
    primaries: list[str] = []
    for _ in range(2):
        await _changes(writer, len(writer.acknowledged) + 10)
        primary = await site.primary()
        assert primary is not None
        primaries.append(primary)
        killed_at = time.monotonic()
        await site.kill_master(primary)
        await _proposed_after(writer, killed_at)
        assert await site.primary() != primary
        await site.start_master(primary)
    stop.set()
    await writing
    await site.wait_ready()

    acknowledged = {name for name, _, _ in writer.acknowledged}
    assert acknowledged <= await writer.found()
    assert primaries[0] != primaries[1]


@pytest.mark.timeout(180)
async def test_the_returning_primary_is_the_backup_and_is_attached_again(site: Site) -> None:
    primary = await site.primary()
    assert primary is not None
    await site.kill_master(primary)
    try:
        async with asyncio.timeout(A_FAILOVER):
            while await site.primary() in {None, primary}:
                await asyncio.sleep(0.1)
        other = await site.primary()
    finally:
        await site.start_master(primary)

    writer = ChangeWriter(site.gateway_urls, site.ca_file, site.admin_password)
    async with asyncio.timeout(A_FAILOVER):
        while (await writer.propose_once("after-the-return"))[
            "mode"
        ] != ReplicationMode.SYNCHRONOUS:
            await asyncio.sleep(0.2)
    answer = await writer.propose_once("kept-by-both")
    assert set(answer["durable_on"]) == {primary, other}
    assert await site.primary() == other


@pytest.mark.timeout(180)
async def test_a_frozen_primary_finds_itself_replaced_when_it_wakes(site: Site) -> None:
    primary = await site.primary()
    assert primary is not None
    site.freeze(primary)
    try:
        async with asyncio.timeout(A_FAILOVER):
            while await site.primary() in {None, primary}:
                await asyncio.sleep(0.1)
        other = await site.primary()
    finally:
        site.thaw(primary)

    await site.wait_ready()
    assert await site.primary() == other


@pytest.mark.timeout(120)
async def test_losing_the_backup_detaches_it_and_changes_go_on(site: Site) -> None:
    primary = await site.primary()
    backup = next(node.name for node in site.layout.masters if node.name != primary)
    writer = ChangeWriter(site.gateway_urls, site.ca_file, site.admin_password)
    await site.kill_master(backup)
    try:
        answer = await writer.propose_once("without-the-backup")
    finally:
        await site.start_master(backup)

    assert answer["mode"] == ReplicationMode.DEGRADED
    assert answer["durable_on"] == [primary]
