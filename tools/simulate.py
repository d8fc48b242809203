"""Plays the scenarios of many seeds on every core: `make simulate SEEDS=2000`, or `SEEDS=17-42`.

Each seed has a scenario of the lease alone and one of masters that are sick, which are fast; every
fiftieth also one of a whole site, with its log, databases and followers. The last line says how
much was simulated, and how fast: hours of the worlds' time in a minute of ours. A seed that fails
is printed with the command that repeats it; one that is played alone can be read, line by line:
`make simulate SEEDS=17-17 TRANSCRIPT=yes`.

`ONLY=lease`, `ONLY=sickness` or `ONLY=site` plays one kind alone. The first two need nothing but
Python, and PyPy plays the very same ones more than twice as fast:
`ONLY=lease pypy3 -m tools.simulate 2000`.
"""

import gc
import logging
import os
import sys
import time
import traceback
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, field
from importlib import import_module
from typing import Any, Final

EVERY_SECONDS: Final = 10.0
AT_A_TIME: Final = 25
"""Seeds that a process plays before it reports them."""

SITE_EVERY: Final = 50

OnLine = Callable[[str], None]


WORLDS: Final = {
    "lease": "failover.scenario",
    "sickness": "failover.sickness",
    "site": "site.scenario",
}


def scenario(kind: str) -> Any:
    """The module with the scenarios of *kind*; None if not wanted."""
    is_wanted = os.environ.get("ONLY") in {None, "", kind}
    return import_module(f"tests.simulation.{WORLDS[kind]}") if is_wanted else None


LEASE: Final = scenario("lease")
SICKNESS: Final = scenario("sickness")
SITE: Final = scenario("site")


def seeds(text: str) -> range:
    """`2000` are the first so many; `17-42` are those, both included."""
    first, dash, last = text.partition("-")
    return range(int(first), int(last) + 1) if dash else range(int(first))


@dataclass
class Tally:
    """What was simulated of each world, and which seeds failed, with the reason of each."""

    seeds: int = 0
    lease_seconds: float = 0.0
    site_seconds: float = 0.0
    roles: int = 0
    changes: int = 0
    processor_seconds: float = 0.0
    failed: dict[int, str] = field(default_factory=dict[int, str])

    def add(self, other: "Tally") -> None:
        self.seeds += other.seeds
        self.lease_seconds += other.lease_seconds
        self.site_seconds += other.site_seconds
        self.roles += other.roles
        self.changes += other.changes
        self.processor_seconds += other.processor_seconds
        self.failed |= other.failed

    def line(self, real_seconds: float) -> str:
        lease, site = self.lease_seconds / 3600, self.site_seconds / 3600
        hours = lease + site
        return (
            f"{self.seeds} seeds, {lease:.1f} simulated hours of the lease and {site:.1f} of whole "
            f"sites, {self.roles} roles taken, {self.changes} changes acknowledged, "
            f"{len(self.failed)} seeds failed; {hours * 60 / real_seconds:.0f} simulated hours a "
            f"minute, {hours * 60 / self.processor_seconds:.0f} in one of a processor's time"
        )


def play_seeds(chosen: Iterable[int], on_line: OnLine | None = None) -> Tally:
    """Play the scenarios of *chosen*."""
    logging.disable(logging.CRITICAL)
    gc.disable()  # looking for garbage in the middle of a scenario costs a tenth of the time
    tally, began = Tally(), time.process_time()
    for seed in chosen:
        tally.seeds += 1
        try:
            _play(seed, tally, on_line)
        except AssertionError:
            tally.failed[seed] = traceback.format_exc()
    gc.collect()
    tally.processor_seconds = time.process_time() - began
    return tally


def _play(seed: int, tally: Tally, on_line: OnLine | None) -> None:
    for module in (LEASE, SICKNESS):
        if module is not None:
            world = module.play(seed, on_line)
            tally.lease_seconds += world.now
            tally.roles += len(world.acquired)
    if SITE is not None and seed % SITE_EVERY == 0:
        whole = SITE.play(seed, on_line)
        tally.site_seconds += whole.now
        tally.roles += len(whole.acquired)
        tally.changes += len(whole.ledger.acknowledged)


def parts(chosen: range) -> Iterator[range]:
    for first in range(0, len(chosen), AT_A_TIME):
        yield chosen[first : first + AT_A_TIME]


def run(chosen: range, processes: int) -> int:
    """Play every scenario; how many failed."""
    began = reported = time.perf_counter()
    whole = Tally()
    with ProcessPoolExecutor(processes) as pool:
        for tally in pool.map(play_seeds, parts(chosen)):
            whole.add(tally)
            for seed, why in tally.failed.items():
                print(f"{why}\nseed {seed} failed; repeat it: make simulate SEEDS={seed}-{seed}")
            now = time.perf_counter()
            if now - reported > EVERY_SECONDS or whole.seeds == len(chosen):
                reported = now
                print(whole.line(now - began), flush=True)
    return len(whole.failed)


def read(seed: int) -> int:
    """Play one seed's scenarios and print their transcripts; how many failed."""
    tally = play_seeds([seed], print)
    print(*tally.failed.values())
    return len(tally.failed)


if __name__ == "__main__":
    if os.environ.get("ONLY", "") not in {"", *WORLDS}:
        sys.exit(f"ONLY is one of {', '.join(WORLDS)}; leave it out for all")
    try:
        wanted = seeds(sys.argv[1])
    except ValueError:
        sys.exit("SEEDS is how many, as 2000, or from which to which, as 17-42")
    if len(wanted) == 1 and os.environ.get("TRANSCRIPT"):
        sys.exit(read(wanted[0]))
    sys.exit(min(1, run(wanted, os.cpu_count() or 1)))
