"""A process with a grant of a moment, whose loop then does as it is told: `stalling.py HOW`."""

import asyncio
import sys
import time
from collections.abc import Callable

from shared.domain.ids import Instant
from shared.runtime.clock import SystemClock
from shared.runtime.watchdog import Watchdog

GRANTED_SECONDS = 0.3
GRACE_SECONDS = 0.4


def hang_in_a_call() -> None:
    """Wait without letting the loop run."""
    time.sleep(60)


def compute_for_ever() -> None:
    """Never give the processor away."""
    while True:
        pass


def go_on() -> None:
    """Do nothing that takes time."""


HOW: dict[str, Callable[[], None]] = {
    "hang": hang_in_a_call,
    "compute": compute_for_ever,
    "go_on": go_on,
}


def say(word: str) -> None:
    sys.stdout.write(f"{word}\n")
    sys.stdout.flush()


async def main(how: str) -> None:
    clock = SystemClock()
    until = Instant(clock.now() + GRANTED_SECONDS)
    watchdog = Watchdog(lambda: until, clock, grace_seconds=GRACE_SECONDS)
    watching = asyncio.create_task(watchdog.run())
    await asyncio.sleep(0)
    say("granted")
    HOW[how]()
    while clock.now() < until + 3 * GRACE_SECONDS:
        await asyncio.sleep(0.01)
    watching.cancel()
    await asyncio.gather(watching, return_exceptions=True)
    say("stepped down")


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1]))
