"""What is measured of our own site, chunk by chunk."""

import asyncio
import os
import time
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from typing import Final

from bench.failover import calm, network, sickness
from bench.failover.damage import BLOWS
from bench.failover.ledger import Ledger
from bench.failover.rounds import accept_again, fail_over
from bench.failover.site import Meridian
from stack.site import SiteOptions

NAME: Final = "meridian"
LOST: Final = "acknowledged changes lost"
AGAIN: Final = "no change accepted"
CHUNK: Final = 10
"""So many rounds a site lives, and so many are lost when a run is interrupted."""

STARTED_SECONDS: Final = 15.0
"""The first switchover of a site that has just started takes longer than any other."""

AROUND_SECONDS: Final = 0.6
LEADER_SECONDS: Final = 12.0
"""Longer than any election among the log's servers."""

CALM_CHUNK_SECONDS: Final = 300.0
PATIENT: Final = SiteOptions(patience_seconds=120.0)


async def blows(ledger: Ledger, name: str, wanted: int) -> None:
    """Hurt the primary *wanted* times in one way."""
    measure = f"failover: {name}"
    while (left := wanted - ledger.count(measure, NAME)) > 0:
        async with _chunk(ledger) as subject:
            blow = BLOWS[name](subject.site)
            times = [await fail_over(subject, blow) for _ in range(min(CHUNK, left))]
            ledger.add(measure, NAME, times)


async def sick(ledger: Ledger, name: str, wanted: int) -> None:
    """Make the primary sick *wanted* times in one way."""
    if reason := sickness.missing(name):
        ledger.note(f"No primary was made sick by {name}: {reason}.")
        return
    measure = f"{AGAIN}: {name}"
    while (left := wanted - ledger.count(measure, NAME)) > 0:
        with sickness.disks_for(name) as disks:
            async with _chunk(ledger, name, sickness.options(disks)) as subject:
                blow = sickness.blow(name, subject, disks)
                rounds = min(sickness.ROUNDS.get(name, CHUNK), left)
                times = [await accept_again(subject, blow) for _ in range(rounds)]
                ledger.add(measure, NAME, times)


async def switchovers(ledger: Ledger, wanted: int) -> None:
    """Have the role handed over *wanted* times, on a site that does not start any more."""
    while (left := wanted - ledger.count("switchover", NAME)) > 0:
        async with _chunk(ledger) as subject:
            await asyncio.sleep(STARTED_SECONDS)
            for _ in range(min(CHUNK, left)):
                pause, idle = await _switchover(subject)
                ledger.add("switchover", NAME, [pause])
                ledger.add("switchover: nobody acts", NAME, [idle])


async def _switchover(subject: Meridian) -> tuple[float, float]:
    """The longest pause between two acknowledgements, and how long nobody acted."""
    while True:
        await subject.settled()
        await asyncio.sleep(AROUND_SECONDS)
        begin = time.monotonic() - AROUND_SECONDS
        answer = await subject.switch()
        await asyncio.sleep(AROUND_SECONDS)
        if answer.is_success:
            pause = subject.history.longest_pause(begin, time.monotonic())
            return pause, float(answer.json()["seconds"])


async def leader_killed(ledger: Ledger, wanted: int) -> None:
    """Kill the NATS server that leads the log's servers *wanted* times, and count what moved."""
    measure = "role moved: the log's leader killed"
    while (left := wanted - ledger.count(measure, NAME)) > 0:
        async with _chunk(ledger) as subject:
            for _ in range(min(CHUNK, left)):
                moved, pause = await _without_leader(subject)
                ledger.add(measure, NAME, [float(moved)], "")
                ledger.add("pause: the log's leader killed", NAME, [pause])


async def _without_leader(subject: Meridian) -> tuple[int, float]:
    site, before = subject.site, await subject.epoch()
    await asyncio.sleep(LEADER_SECONDS / 2)  # the leaders are back on the witness by then
    begin = time.monotonic()
    await site.kill_node(site.layout.witness.name)
    await asyncio.sleep(LEADER_SECONDS)
    pause = subject.history.longest_pause(begin, time.monotonic())
    await site.start_node(site.layout.witness.name)
    return await subject.epoch() - before, pause


async def false_failovers(ledger: Ledger, timing: str, minutes: float) -> None:
    """Make trouble for *minutes* with the preset *timing*, and count the changes of primary."""
    measure, subject_name = "false failovers", f"{NAME} ({timing})"
    spent = "minutes of trouble"
    os.environ["MERIDIAN_TIMING"] = timing
    try:
        while (left := minutes * 60 - 60 * sum(ledger.values(spent, subject_name))) > 0:
            seconds = min(CALM_CHUNK_SECONDS, left)
            async with _chunk(ledger, "false failovers") as subject:
                moved, pauses = await calm.false_failovers(subject, seconds)
            ledger.add(measure, subject_name, [float(moved)], "")
            ledger.add(spent, subject_name, [seconds / 60], "min")
            ledger.add("pauses made", subject_name, [float(pauses)], "")
            ledger.save()
    finally:
        del os.environ["MERIDIAN_TIMING"]
    if reason := network.missing():
        ledger.note(f"False failovers were counted without lost packets: {reason}.")


@asynccontextmanager
async def _chunk(
    ledger: Ledger, during: str = "", options: SiteOptions = PATIENT
) -> AsyncGenerator[Meridian]:
    """A site for a chunk, whose every acknowledged stamp is looked for in the end."""
    async with Meridian.start(options) as subject:
        yield subject
        history = subject.history.so_far()
        lost = history.lost(await subject.found())
    ledger.add(LOST, NAME, [float(len(lost))], "")
    ledger.add("acknowledged stamps", NAME, [float(len(history.stamps))], "")
    if not during:
        ledger.add("stamps per second, faults and all", NAME, [history.per_second()], "1/s")
    ledger.save()
