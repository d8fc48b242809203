"""Whether a primary is replaced that only paused: random pauses, lost packets, a busy core."""

import asyncio
import random
import signal
import sys
from collections.abc import AsyncGenerator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from typing import Final

from bench.failover import network
from bench.failover.site import Meridian

SHORTEST_SECONDS: Final = 0.05
LONGEST_SECONDS: Final = 0.9
APART_SECONDS: Final = 3.0
LOST_PACKETS: Final = 0.03


@dataclass
class Trouble:
    """One pause of one random process after the other."""

    subject: Meridian
    chance: random.Random = field(default_factory=random.Random)
    pauses: int = 0

    async def make(self, seconds: float) -> None:
        """Pause processes for so long."""
        end = asyncio.get_running_loop().time() + seconds
        while asyncio.get_running_loop().time() < end:
            await self._pause()
            self.pauses += 1
            await asyncio.sleep(APART_SECONDS)

    async def _pause(self) -> None:
        processes = self.subject.site.processes
        child = self.chance.choice(processes.running())
        processes.fork_server.send([child], signal.SIGSTOP)
        await asyncio.sleep(self.chance.uniform(SHORTEST_SECONDS, LONGEST_SECONDS))
        processes.fork_server.send([child], signal.SIGCONT)


@asynccontextmanager
async def busy_core() -> AsyncGenerator[None]:
    """A program that never rests."""
    process = await asyncio.create_subprocess_exec(sys.executable, "-c", "while True: pass")
    try:
        yield
    finally:
        process.kill()
        await process.wait()


async def false_failovers(subject: Meridian, seconds: float) -> tuple[int, int]:
    """How often the role moved in so much trouble, and how many pauses there were."""
    trouble, before = Trouble(subject), await subject.epoch()
    async with AsyncExitStack() as stack:
        await stack.enter_async_context(busy_core())
        if not network.missing():
            await stack.enter_async_context(network.losing(LOST_PACKETS))
        await trouble.make(seconds)
    return await subject.epoch() - before, trouble.pauses
