"""Tells many seeds' stories on every core: `make simulate SEEDS=2000`, or `SEEDS=17-42`.

One world is of who is primary, the other of the log, its writers and its followers. What is told
in the end is how much was simulated, and how fast: hours of the worlds' time in a minute of ours.
A seed that fails is printed with the command that repeats it; one that is told alone can be read,
line by line: `make simulate SEEDS=17-17 TRANSCRIPT=yes`.
"""

import os
import sys
import time
import traceback
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, field
from typing import Final

from tests.simulation.failover import story as failover
from tests.simulation.log import story as log

EVERY_SECONDS: Final = 10.0
AT_A_TIME: Final = 25
"""Seeds that a process tells before it says how it went."""

Teller = Callable[[str], None]


def seeds(text: str) -> range:
    """`2000` are the first so many; `17-42` are those, both included."""
    first, dash, last = text.partition("-")
    return range(int(first), int(last) + 1) if dash else range(int(first))


@dataclass
class Tally:
    """What was simulated, and which seeds failed, with the reason of each."""

    seeds: int = 0
    seconds: float = 0.0
    roles: int = 0
    processor_seconds: float = 0.0
    failed: dict[int, str] = field(default_factory=dict[int, str])

    def add(self, other: "Tally") -> None:
        self.seeds += other.seeds
        self.seconds += other.seconds
        self.roles += other.roles
        self.processor_seconds += other.processor_seconds
        self.failed |= other.failed

    def line(self, real_seconds: float) -> str:
        hours = self.seconds / 3600
        return (
            f"{self.seeds} seeds, {hours:.1f} simulated hours, {self.roles} roles taken, "
            f"{len(self.failed)} seeds failed; {hours * 60 / real_seconds:.0f} simulated hours a "
            f"minute, {hours * 60 / self.processor_seconds:.0f} in one of processor time"
        )


def told(chosen: Iterable[int], teller: Teller | None = None) -> Tally:
    """Tell the stories of *chosen*."""
    tally, began = Tally(), time.process_time()
    for seed in chosen:
        tally.seeds += 1
        try:
            world = failover.tell(seed, teller)
            log.tell(seed)
        except AssertionError:
            tally.failed[seed] = traceback.format_exc()
        else:
            tally.seconds += world.now
            tally.roles += len(world.taken)
    tally.processor_seconds = time.process_time() - began
    return tally


def parts(chosen: range) -> Iterator[range]:
    for first in range(0, len(chosen), AT_A_TIME):
        yield chosen[first : first + AT_A_TIME]


def run(chosen: range, processes: int) -> int:
    """Tell every story; how many failed."""
    began = said = time.perf_counter()
    whole = Tally()
    with ProcessPoolExecutor(processes) as pool:
        for tally in pool.map(told, parts(chosen)):
            whole.add(tally)
            for seed, why in tally.failed.items():
                print(f"{why}\nseed {seed} failed; repeat it: make simulate SEEDS={seed}-{seed}")
            now = time.perf_counter()
            if now - said > EVERY_SECONDS or whole.seeds == len(chosen):
                said = now
                print(whole.line(now - began), flush=True)
    return len(whole.failed)


def read(seed: int) -> int:
    """Tell one story aloud; how many failed."""
    tally = told([seed], print)
    print(*tally.failed.values())
    return len(tally.failed)


if __name__ == "__main__":
    wanted = seeds(sys.argv[1])
    if len(wanted) == 1 and os.environ.get("TRANSCRIPT"):
        sys.exit(read(wanted[0]))
    sys.exit(min(1, run(wanted, os.cpu_count() or 1)))
