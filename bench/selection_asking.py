"""Selection as a gateway asks for it: signed questions over the broker to one or more replicas."""

import asyncio
import time
from typing import Final

from bench import questions
from bench.results import Results
from shared.events.selection import ClientFacts, SelectNodes
from shared.messaging.publisher import Publisher
from stack.site import Site, SiteOptions

INSTANCES: Final = (1, 2, 4)
CALLERS: Final = (1, 8, 64, 256)
ROUNDS: Final = 5
ROUND_SECONDS: Final = 1.5
PATIENCE_SECONDS: Final = 30.0


async def measure(results: Results) -> None:
    """A whole site; its selectors are added one after the other."""
    async with Site.start(SiteOptions()) as site, questions.asking(site) as publisher:
        await site.kill_service("bravo", questions.SERVICE)
        started = 1
        for instances in INSTANCES:
            while started < instances:
                await questions.add(site, started)
                started += 1
            await questions.settle(publisher)
            for callers in CALLERS:
                await _rows(publisher, instances, callers, results)


async def _rows(publisher: Publisher, instances: int, callers: int, results: Results) -> None:
    rates: list[float] = []
    times: list[float] = []
    for _ in range(ROUNDS):
        rate, milliseconds = await _round(publisher, callers)
        rates.append(rate)
        times += milliseconds
    replicas = f"{instances} selector{'s' if instances > 1 else ''}"
    where = f"{replicas}, {callers} caller{'s' if callers > 1 else ''}"
    results.add(f"signed selections per second: {where}", "meridian", rates, "1/s")
    results.add(f"signed selection time: {where}", "meridian", times, "ms")


async def _round(publisher: Publisher, callers: int) -> tuple[float, list[float]]:
    """Questions a second of so many callers at once, and the milliseconds of each."""
    times: list[float] = []
    began = time.perf_counter()
    until = began + ROUND_SECONDS

    async def call() -> None:
        while (asked := time.perf_counter()) < until:
            question = SelectNodes(client=ClientFacts(address="198.51.100.9"))
            await publisher.ask(question, timeout_seconds=PATIENCE_SECONDS)
            times.append((time.perf_counter() - asked) * 1_000)

    await asyncio.gather(*(call() for _ in range(callers)))
    return len(times) / (time.perf_counter() - began), times
