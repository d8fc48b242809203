"""A database without a free connection, and a node that cannot write its copy to its folder."""

import asyncio
import subprocess
import time
from collections.abc import AsyncGenerator, Generator
from contextlib import AsyncExitStack, asynccontextmanager, contextmanager
from pathlib import Path
from typing import Any

import asyncpg
import pytest

from stack import disks, postgres
from tests.system.chaos.sickness import possible
from tests.system.sick_site import SickSite
from tests.system.test_backup import write_team

HELD_SECONDS = 15.0
MORE_THAN_THERE_ARE = 100
FOLLOWS_SECONDS = 60.0


@asynccontextmanager
async def no_free_connection(sick_site: SickSite, node: str) -> AsyncGenerator[int]:
    """Take every connection that *node*'s database has left; how many these are."""
    url = postgres.url(sick_site.site.layout, sick_site.site.layout.node(node))
    async with AsyncExitStack() as stack:
        for taken in range(MORE_THAN_THERE_ARE):
            try:
                connection = await asyncpg.connect(url)
            except asyncpg.TooManyConnectionsError:
                yield taken
                return
            stack.callback(connection.terminate)
    raise AssertionError("there was always one more connection")


async def test_connections_that_are_used_up_cost_no_change_and_the_site_is_well_afterwards(
    sick_site: SickSite,
) -> None:
    primary, _ = await sick_site.well()
    before = await sick_site.epoch()
    async with sick_site.writing():
        begin = time.monotonic()
        async with no_free_connection(sick_site, primary) as taken:
            assert taken > 0
            await asyncio.sleep(HELD_SECONDS)
        await sick_site.accepted_again(time.monotonic())
        assert sick_site.longest_pause(begin) < HELD_SECONDS
    await sick_site.well()
    assert await sick_site.epoch() <= before + 1


@contextmanager
def read_only(folder: Path) -> Generator[None]:
    """Have the kernel refuse whatever would be written to *folder*."""
    subprocess.run(["mount", "--bind", str(folder), str(folder)], check=True)
    try:
        subprocess.run(["mount", "-o", "remount,bind,ro", str(folder)], check=True)
        yield
    finally:
        subprocess.run(["umount", "-l", str(folder)], check=True)


async def row_of(sick_site: SickSite, node: str) -> dict[str, Any]:
    (row,) = await sick_site.api.call("POST", "/sync", {"nodes": [node], "resync": True})
    return dict(row)


@pytest.mark.root
@pytest.mark.skipif(bool(disks.missing()), reason=f"no disk of our own: {disks.missing()}")
async def test_a_node_that_cannot_write_its_copy_says_so_and_follows_by_itself_later(
    sick_site: SickSite,
) -> None:
    await sick_site.well()
    with read_only(sick_site.site.layout.node_folder("berlin")):
        await write_team(sick_site.api, "unwritten", "While berlin could not write")
        row = await row_of(sick_site, "berlin")
        assert row["ok"] is False
        assert "ead-only" in row["detail"], row
    async with asyncio.timeout(FOLLOWS_SECONDS):
        while not (row := await row_of(sick_site, "berlin"))["ok"]:
            await asyncio.sleep(0.5)
    rows = await sick_site.api.call("POST", "/sync", {})
    assert {each["state"] for each in rows} == {"following"}, rows


@pytest.mark.root
@pytest.mark.skipif("WAL disk full" not in possible(), reason="no disk of our own")
async def test_a_full_disk_of_the_write_ahead_log_moves_the_role_once_and_the_master_comes_back(
    sick_site: SickSite,
) -> None:
    primary, backup = await sick_site.well()
    before = await sick_site.epoch()
    async with sick_site.writing():
        begin = time.monotonic()
        await sick_site.sick.begin("WAL disk full", primary)
        assert await sick_site.role_moves(primary) == backup
        await sick_site.accepted_again(time.monotonic())
        assert sick_site.longest_pause(begin) < HELD_SECONDS
        sick_site.sick.end()
        assert await sick_site.well() == (backup, primary)
    assert await sick_site.epoch() == before + 1
