"""One process whose time of day is wrong, or jumps: the site goes on and says whose clock it is.

libfaketime moves the time of day of one process and leaves the clock that nobody sets alone, as a
machine with a wrong time does (Debian: `apt-get install faketime`).
"""

import asyncio
import contextlib
import re
import sys
import time
from collections.abc import AsyncGenerator
from dataclasses import replace
from pathlib import Path

import pytest

from stack.processes import PROJECT
from tests.system.people import run_meridian, talking, until
from tests.system.sick_site import SickSite

LIBRARIES = (
    *Path("/usr/lib").glob("*/faketime/libfaketime.so.1"),
    *Path("/usr/lib/faketime").glob("libfaketime.so.1"),
)
pytestmark = pytest.mark.skipif(
    not LIBRARIES, reason="libfaketime is missing: apt-get install faketime"
)

REPORTED_SECONDS = 90.0
"""A clock that nobody suspects is measured once a minute."""

ACCEPTED_SECONDS = 15.0
HOUR = "+3600"


@contextlib.asynccontextmanager
async def faked(sick_site: SickSite, node: str, service: str, offset: Path) -> AsyncGenerator[None]:
    """Have *service* of *node* run with a time of day that is off by what the file says."""
    site, processes = sick_site.site, sick_site.site.processes
    await sick_site.supervisor.kill(node, service)
    usual = processes.program(site.layout.node(node), service)
    environment = {
        **usual.environment,
        "PYTHONPATH": str(PROJECT),
        "LD_PRELOAD": str(LIBRARIES[0]),
        "FAKETIME_TIMESTAMP_FILE": str(offset),
        "FAKETIME_CACHE_DURATION": "1",
        "FAKETIME_DONT_FAKE_MONOTONIC": "1",
        "DONT_FAKE_MONOTONIC": "1",
    }
    words = (sys.executable, "-m", f"services.{service}", *usual.arguments[1:])
    program = replace(usual, arguments=words, environment=environment, module=None)
    child = processes.members[node, service] = await processes.fork_server.run(program)
    try:
        yield
    finally:
        await processes.kill([child])
        await sick_site.supervisor.start(node, service)


async def line_about_clock(sick_site: SickSite, node: str) -> str:
    """Wait until `meridian status` has a line about *node*'s clock."""
    output = ""
    deadline = time.monotonic() + REPORTED_SECONDS
    while time.monotonic() < deadline:
        _, output = await run_meridian(sick_site.env, "status")
        for line in output.splitlines():
            if line.startswith(f"  {node}: ") and "clock" in line:
                return line
        await asyncio.sleep(0.5)
    raise AssertionError(f"nothing is said of {node}'s clock: {output}")


@pytest.mark.parametrize("seconds", [20, 40])
@pytest.mark.parametrize("service", ["relay", "config"])
async def test_a_process_whose_clock_is_off_is_named_and_the_site_goes_on(
    sick_site: SickSite, service: str, seconds: int, tmp_path: Path
) -> None:
    primary, backup = await sick_site.well()
    before = await sick_site.epoch()
    node = "berlin" if service == "relay" else backup
    offset = tmp_path / "offset"
    offset.write_text(f"+{seconds}")
    async with talking(sick_site.env) as (_, talk), sick_site.writing():
        begin = time.monotonic()
        async with faked(sick_site, node, service, offset):
            line = await line_about_clock(sick_site, node)
            found = re.search(r"is ([0-9.]+) s ahead", line)
            assert found is not None, line
            assert abs(float(found[1]) - seconds) < 2, line
            await sick_site.accepted_again(time.monotonic())
            echoed = talk.echoed
            await until(lambda: talk.echoed > echoed + 100)
        assert sick_site.longest_pause(begin) < ACCEPTED_SECONDS
    assert await sick_site.well() == (primary, backup)
    assert await sick_site.epoch() == before


@pytest.mark.parametrize("service", ["failover_monitor", "gateway"])
async def test_a_clock_of_the_primary_that_jumps_an_hour_moves_the_role_once_at_most(
    sick_site: SickSite, service: str, tmp_path: Path
) -> None:
    primary, _ = await sick_site.well()
    before = await sick_site.epoch()
    offset = tmp_path / "offset"
    offset.write_text("+0")
    async with sick_site.writing():
        async with faked(sick_site, primary, service, offset):
            await sick_site.well()
            settled, begin = await sick_site.epoch(), time.monotonic()
            jump(offset, HOUR)
            await line_about_clock(sick_site, primary)
            await sick_site.accepted_again(time.monotonic())
            jump(offset, "+0")
            await sick_site.well()
            assert await sick_site.epoch() <= settled + 1
        assert sick_site.longest_pause(begin) < ACCEPTED_SECONDS
    await sick_site.well()
    assert await sick_site.epoch() <= before + 2, "the kill that begins it may move the role too"


def jump(file: Path, offset: str) -> None:
    """Write the file whole or not at all: its reader looks at any moment."""
    draft = file.with_suffix(".new")
    draft.write_text(offset)
    draft.replace(file)
