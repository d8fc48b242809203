"""A site in chaos: mishaps one after the other, people who go on working, and a judge.

The judge asks four things: could one machine have answered all that was read and written
(`history`); is every change that was acknowledged still there; did every byte of the sessions
arrive, once and in order; were changes accepted again within a bound whenever a mishap met a well
site (`bounds`). Then every process has to be well again within a bound.
"""

import asyncio
import itertools
import random
import time
from collections.abc import AsyncGenerator, Callable
from contextlib import ExitStack, asynccontextmanager
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Final

from shared.domain.node import NodeRole
from stack.demo.writer import ChangeWriter
from stack.failure import StartFailed
from stack.layout import PLACES
from stack.site import Site, SiteOptions
from tests.system.chaos import mishaps, sickness
from tests.system.chaos.bounds import Trouble, late
from tests.system.chaos.history import faults
from tests.system.chaos.mishaps import Mishap
from tests.system.chaos.process_watch import ProcessWatch
from tests.system.chaos.registers import REGISTERS, Registers
from tests.system.chaos.sickness import Sickness, disks_of
from tests.system.people import Talk, run_meridian, signed_in, talking

WRITERS: Final = 3
READERS: Final = 2
CALM_SECONDS: Final = 60.0
"""So long a site may take to be well again once nothing happens any more."""

Say = Callable[[str], None]


@dataclass(frozen=True)
class Outcome:
    """What happened, and what of it must not have happened."""

    seed: int
    mishaps: int
    writes: int
    unknown: int
    reads: int
    changes: int
    blocks: int
    longest_pause_seconds: float
    with_bound: int
    calm_after_seconds: float
    ended_by_themselves: dict[str, int]
    faults: tuple[str, ...]

    def as_dict(self) -> dict[str, Any]:
        return asdict(self)


@dataclass
class Stage:
    """The site and everybody on it."""

    site: Site
    sick: Sickness
    watch: ProcessWatch
    registers: Registers
    writer: ChangeWriter
    talk: Talk
    env: dict[str, str]
    say: Say
    troubles: list[Trouble] = field(default_factory=list[Trouble])


async def run_chaos(seconds: float, seed: int, home: Path, say: Say) -> Outcome:
    """Let mishaps happen for so many *seconds*, wait for calm, and judge."""
    async with _sick_site() as sick:
        site = sick.site
        env = await signed_in(site, home)
        facts = (site.gateway_urls, site.ca_file, site.admin_password)
        registers = Registers(ChangeWriter(*facts), random.Random(f"people {seed}"))
        async with talking(env) as (carried, talk):
            watch, writer = ProcessWatch(site), ChangeWriter(*facts)
            stage = Stage(site, sick, watch, registers, writer, talk, env, say)
            count, calm_after = await _chaos(stage, seconds, random.Random(seed))
            found = await _find_faults(stage)
            if not carried.alive:
                found.append("an end of the session gave up")
        history = registers.history
        return Outcome(
            seed=seed,
            mishaps=count,
            writes=sum(each.is_write for each in history),
            unknown=sum(each.end is None for each in history),
            reads=sum(not each.is_write for each in history),
            changes=len(stage.writer.acknowledged),
            blocks=talk.echoed,
            longest_pause_seconds=round(talk.longest_pause, 1),
            with_bound=len(stage.troubles),
            calm_after_seconds=round(calm_after, 1),
            ended_by_themselves=dict(stage.watch.ended),
            faults=tuple(found),
        )


@asynccontextmanager
async def _sick_site() -> AsyncGenerator[Sickness]:
    """A site whose nodes can be cut off, and whose disks can be made full where there are any."""
    names = tuple(place.name for place in PLACES if place.role is not NodeRole.TRAFFIC)
    masters = tuple(place.name for place in PLACES if place.role is NodeRole.MASTER)
    with ExitStack() as stack:
        disks = stack.enter_context(disks_of(masters, names))
        options = SiteOptions(linked=True, watch=disks.link if disks else None)
        async with Site.start(options) as site:
            sick = Sickness(site, disks)
            if disks:
                await sick.separate_wal(stack)
                await site.wait_ready()
            yield sick


async def _chaos(stage: Stage, seconds: float, chance: random.Random) -> tuple[int, float]:
    """Everybody at work while it happens; how many mishaps, and how long until calm."""
    keeping = asyncio.create_task(stage.watch.run())
    try:
        async with _working(stage):
            count = await _mishaps(stage, seconds, chance)
            calm_after = await _calm(stage)
    finally:
        keeping.cancel()
    await asyncio.gather(keeping, return_exceptions=True)
    return count, calm_after


@asynccontextmanager
async def _working(stage: Stage) -> AsyncGenerator[None]:
    stop, registers = asyncio.Event(), stage.registers
    async with registers.person.client() as client:
        await registers.make(client)
        work = (
            stage.writer.run(stop),
            *(registers.write(client, f"w{number}", stop) for number in range(WRITERS)),
            *(registers.read(client, stop) for _ in range(READERS)),
        )
        tasks = [asyncio.create_task(each) for each in work]
        try:
            yield
            stop.set()
            await asyncio.gather(*tasks)
            for register in REGISTERS:
                async with asyncio.timeout(CALM_SECONDS):
                    while not await registers.read_once(client, register):
                        await asyncio.sleep(0.1)
        finally:
            for task in tasks:
                task.cancel()


async def _mishaps(stage: Stage, seconds: float, chance: random.Random) -> int:
    begin = time.monotonic()
    for number in itertools.count():
        if time.monotonic() - begin > seconds:
            return number
        mishap = mishaps.draw(stage.site, chance)
        is_well = await _becomes_well(stage, mishap)
        stage.say(f"{time.monotonic() - begin:7.1f} s  {mishap}{'' if is_well else ' (unwell)'}")
        begun = time.monotonic()
        await _happen(stage, mishap)
        if is_well:
            stage.troubles.append(Trouble(str(mishap), begun, time.monotonic()))
    raise AssertionError("numbers never end")


async def _happen(stage: Stage, mishap: Mishap) -> None:
    if mishap.verb.startswith("kill"):
        stage.watch.keep_down(mishap.node, *([mishap.service] if mishap.service else []))
    try:
        await mishaps.begin(stage.site, stage.sick, mishap)
        await asyncio.sleep(mishap.seconds)
    finally:
        await mishaps.mend(stage.site, stage.sick, mishap)
    stage.watch.release()
    await asyncio.sleep(mishap.pause)


async def _becomes_well(stage: Stage, mishap: Mishap) -> bool:
    """Whether the site is well before *mishap*: a master could follow, no loss ends the log.

    A sickness waits for that: it shows nothing on a site that is busy with another fault.
    """
    patience = CALM_SECONDS if mishap.verb in sickness.VERBS else 0.0
    deadline = time.monotonic() + patience
    while not (is_well := await stage.registers.site_is_well()) and time.monotonic() < deadline:
        await asyncio.sleep(0.2)
    return is_well


async def _calm(stage: Stage) -> float:
    """Wait until every process is well and there is a primary; how long that took."""
    begin = time.monotonic()
    while True:
        try:
            await stage.site.wait_ready(CALM_SECONDS)
        except StartFailed:
            if time.monotonic() - begin > CALM_SECONDS:
                raise
            await asyncio.sleep(0.2)
            continue
        return time.monotonic() - begin


async def _find_faults(stage: Stage) -> list[str]:
    found = faults(stage.registers.history) + stage.watch.faults()
    writes = [each.end for each in stage.registers.history if each.is_write and each.end]
    found += late(stage.troubles, [*writes, *(end for _, _, end in stage.writer.acknowledged)])
    acknowledged = {name for name, _, _ in stage.writer.acknowledged}
    lost = acknowledged - await stage.writer.found()
    found += [f"{name} was acknowledged and is lost" for name in sorted(lost)]
    code, output = await run_meridian(stage.env, "log", "verify")
    return found if code == 0 else [*found, f"meridian log verify: {output.strip()}"]
