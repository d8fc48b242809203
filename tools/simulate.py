"""Runs many seeds of both simulations: `make simulate SEEDS=2000`, or `SEEDS=17-42`.

One is of who is primary, the other of the log, its writers and its followers.

The first seed that fails is printed with the command that repeats it.
"""

import sys
import time
import traceback
from dataclasses import dataclass
from typing import Final

from tests.simulation.failover.story import tell
from tests.simulation.failover.world import World
from tests.simulation.log import story as log

EVERY_SECONDS: Final = 10.0


def seeds(text: str) -> range:
    """`2000` are the first so many; `17-42` are those, both included."""
    first, dash, last = text.partition("-")
    return range(int(first), int(last) + 1) if dash else range(int(first))


@dataclass
class Tally:
    """What was simulated so far."""

    began: float
    seeds: int = 0
    seconds: float = 0.0
    roles: int = 0

    def add(self, world: World) -> None:
        self.seeds += 1
        self.seconds += world.now
        self.roles += len(world.taken)

    def line(self, now: float) -> str:
        hours, minutes = self.seconds / 3600, (now - self.began) / 60
        return (
            f"{self.seeds} seeds, {hours:.1f} simulated hours, {self.roles} roles taken; "
            f"{hours / minutes:.0f} simulated hours a minute"
        )


def run(chosen: range) -> int:
    """Tell every story; how many failed, at most one."""
    said = time.perf_counter()
    tally = Tally(said)
    for seed in chosen:
        try:
            tally.add(tell(seed))
            log.tell(seed)
        except AssertionError:
            traceback.print_exc()
            print(f"\nseed {seed} failed; repeat it: make simulate SEEDS={seed}-{seed}")
            return 1
        now = time.perf_counter()
        if now - said > EVERY_SECONDS or tally.seeds == len(chosen):
            said = now
            print(tally.line(now), flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(run(seeds(sys.argv[1])))
