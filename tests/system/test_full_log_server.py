"""The disk of one log server fills up in a site of `meridian up`, and has room again."""

import asyncio
import time
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from stack.disks import Disk, SiteDisks, missing
from stack.process_group import NATS, ProcessGroup
from stack.site import Site, SiteOptions
from stack.supervisor import Supervisor
from tests.system.people import run_meridian, signed_in

WITNESS = "witness"
OUT_SECONDS = 60.0
BACK_SECONDS = 30.0
"""The start, the entries that it missed, and the masters' next look at it (every 5 s)."""


@asynccontextmanager
async def supervised_site(lines: list[str]) -> AsyncGenerator[tuple[Site, Disk]]:
    """A site as `meridian up` runs it, whose witness has a small disk."""
    supervisor = Supervisor(lines.append)
    with SiteDisks.mounted((), (WITNESS,)) as disks:

        def watch(processes: ProcessGroup) -> None:
            disks.link(processes)
            supervisor.attach(processes)

        async with Site.start(SiteOptions(watch=watch)) as site:
            supervising = asyncio.create_task(supervisor.run())
            try:
                yield site, disks.of(WITNESS, NATS)
            finally:
                supervising.cancel()
                await asyncio.gather(supervising, return_exceptions=True)


async def until_shown(env: dict[str, str], code: int, words: str, seconds: float) -> None:
    """Wait until `failover check` and `status` exit with *code* and say *words*."""
    begun = time.monotonic()
    while True:
        check = await run_meridian(env, "failover", "check")
        status = await run_meridian(env, "status")
        passed = time.monotonic() - begun
        if all(found == code and words in text for found, text in (check, status)):
            return
        assert passed < seconds, (check, status)
        await asyncio.sleep(0.5)


@pytest.mark.root
@pytest.mark.skipif(bool(missing()), reason=f"no disk of our own: {missing()}")
@pytest.mark.timeout(300)
async def test_a_log_server_whose_disk_was_full_is_named_restarted_and_well_again_by_itself(
    tmp_path: Path,
) -> None:
    lines: list[str] = []
    async with supervised_site(lines) as (site, disk):
        env = await signed_in(site, tmp_path)
        await until_shown(env, 0, "the log server of alpha, bravo or witness fails", OUT_SECONDS)

        disk.fill()
        await until_shown(env, 1, "witness: its log server stores nothing, JetStream", OUT_SECONDS)
        async with asyncio.timeout(OUT_SECONDS):
            while not lines:
                await asyncio.sleep(0.1)

        disk.free()
        await until_shown(env, 0, "the log server of alpha, bravo or witness fails", BACK_SECONDS)
        assert len(lines) == 1
        assert lines[0].startswith("witness.nats runs, but is out (JetStream not enabled")
        assert lines[0].endswith("the server is restarted as soon as there is room")
