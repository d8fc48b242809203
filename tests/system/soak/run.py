"""A site on a machine that is busy and whose disk is slow: nobody is sick, so no role may move.

A processor that others keep busy and writes that take longer delay whatever a monitor looks at. The
judge asks whether the role moved, and whether every change that was acknowledged is there.
"""

import asyncio
import os
import sys
import time
from collections.abc import AsyncGenerator, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import asdict, dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any, Final

from stack.demo.writer import ChangeWriter
from stack.site import Site, SiteOptions
from tests.system.people import Api, calling

PATIENCE_SECONDS: Final = 120.0
REPORT_SECONDS: Final = 60.0
BUSY: Final = "while True: pass"
Say = Callable[[str], None]


@dataclass(frozen=True)
class Trouble:
    """So many programs that never rest, and writes that are slow while *slow_disk* is there.

    Without *slow_disk* they are as fast as ever.
    """

    seconds: float
    load: int
    slow_disk: Path | None


@dataclass(frozen=True)
class Outcome:
    """What came of it; *moves* counts the changes of primary."""

    seconds: float
    load: float
    disk_was_slow: bool
    moves: int
    events: tuple[str, ...]
    changes: int
    longest_pause_seconds: float
    faults: tuple[str, ...]

    def as_dict(self) -> dict[str, Any]:
        return asdict(self)


async def run_soak(trouble: Trouble, say: Say) -> Outcome:
    """Make trouble for a new site for so long, and judge."""
    async with Site.start(SiteOptions(patience_seconds=PATIENCE_SECONDS)) as site:
        writer = ChangeWriter(site.gateway_urls, site.ca_file, site.admin_password)
        async with calling(site) as api:
            await _settled(api)
            epoch, begin = await _epoch(api), time.monotonic()
            async with _writing(writer), _busy(trouble):
                load = await _wait(trouble.seconds, writer, say)
            await _settled(api)
            moves = await _epoch(api) - epoch
            history = await api.call("GET", "/status/history?limit=200")
        lost = {name for name, _, _ in writer.acknowledged} - await writer.found()
        faults = [f"{name} was acknowledged and is lost" for name in sorted(lost)]
        if moves:
            faults.append(f"the role moved {moves} times, and nobody was sick")
        if not writer.acknowledged:
            faults.append("no change was accepted")
        ended = [begin, *(at for _, _, at in writer.acknowledged)]
        return Outcome(
            seconds=trouble.seconds,
            load=round(load, 1),
            disk_was_slow=trouble.slow_disk is not None,
            moves=moves,
            events=tuple(each["sentence"] for each in reversed(history["items"])),
            changes=len(writer.acknowledged),
            longest_pause_seconds=round(max((b - a for a, b in pairwise(ended)), default=0.0), 1),
            faults=tuple(faults),
        )


async def _wait(seconds: float, writer: ChangeWriter, say: Say) -> float:
    """Wait, and say each minute how it goes; the mean of the machine's load."""
    end, loads = time.monotonic() + seconds, list[float]()
    while (left := end - time.monotonic()) > 0:
        await asyncio.sleep(min(left, REPORT_SECONDS))
        loads.append(os.getloadavg()[0])
        say(f"{left:7.0f} s left  load {loads[-1]:.1f}, {len(writer.acknowledged)} changes")
    return sum(loads) / max(1, len(loads))


@asynccontextmanager
async def _busy(trouble: Trouble) -> AsyncGenerator[None]:
    """Keep the processors busy and the disk slow."""
    async with AsyncExitStack() as stack:
        for _ in range(trouble.load):
            process = await asyncio.create_subprocess_exec(sys.executable, "-c", BUSY)
            stack.push_async_callback(process.wait)
            stack.callback(process.kill)
        if trouble.slow_disk:
            trouble.slow_disk.touch()
            stack.callback(trouble.slow_disk.unlink)
        yield


@asynccontextmanager
async def _writing(writer: ChangeWriter) -> AsyncGenerator[None]:
    stop = asyncio.Event()
    task = asyncio.create_task(writer.run(stop))
    try:
        yield
    finally:
        stop.set()
        await task


async def _settled(api: Api) -> None:
    """Wait until a primary has a backup that would follow it."""
    async with asyncio.timeout(PATIENCE_SECONDS):
        while True:
            found = await api.call("GET", "/failover/check")
            if found["primary"] and found["successor"]:
                return
            await asyncio.sleep(0.5)


async def _epoch(api: Api) -> int:
    found = await api.call("GET", "/failover/check")
    return max(each["epoch"] or 0 for each in found["masters"])
