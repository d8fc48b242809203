"""How long nobody accepts a change: in a switchover, and when the primary dies.

Several people make changes all along, one after the other each. A switchover is measured by the
longest pause between two acknowledgements around it; a death by the time until a change that was
first proposed after it is acknowledged. In the end every acknowledged change must be there.
"""

import asyncio
import itertools
import os
import ssl
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any, Final

import httpx

from bench.results import Results
from stack.demo.writer import Writer
from stack.site import Site, SiteOptions

WRITERS: Final = 4
SWITCHOVERS: Final = int(os.environ.get("SWITCHOVERS") or 50)
KILLS: Final = int(os.environ.get("KILLS") or 10)
AROUND_SECONDS: Final = 0.6
"""So long before and after a switchover its pause is looked for."""

SETTLE_SECONDS: Final = 30.0
SERVICES: Final = ("failover_monitor", "config", "replication", "gateway", "node_selector")
"""The processes of a primary; its NATS server and PostgreSQL live on when they are killed."""


@dataclass
class Load:
    """People who make changes, and an operator."""

    site: Site
    writers: list[Writer]
    operator: httpx.AsyncClient

    async def sign_in(self) -> None:
        body = {"username": "admin", "password": self.site.admin_password}
        for gateway in itertools.cycle(self.site.gateway_urls):
            try:
                answer = await self.operator.post(f"{gateway}/api/v1/login", json=body)
                answer.raise_for_status()
            except httpx.HTTPError:
                await asyncio.sleep(0.2)
                continue
            self.operator.headers["Authorization"] = f"Bearer {answer.json()['token']}"
            return

    def acknowledged(self, begin: float, end: float) -> list[float]:
        """When changes were acknowledged in that time."""
        moments = (moment for writer in self.writers for _, _, moment in writer.acknowledged)
        return sorted(moment for moment in moments if begin <= moment <= end)

    async def is_settled(self) -> bool:
        """Whether there is a primary, and a backup that would follow it."""
        for gateway in self.site.gateway_urls:
            try:
                answer = await self.operator.get(f"{gateway}/api/v1/failover/check")
                found: dict[str, Any] = answer.json() if answer.is_success else {}
            except httpx.HTTPError:
                continue
            if found.get("primary") and found.get("successor"):
                return True
        return False

    async def settle(self) -> None:
        """Wait until everything is well."""
        async with asyncio.timeout(SETTLE_SECONDS):
            while True:
                if await self.is_settled():
                    return
                await asyncio.sleep(0.05)


@dataclass(frozen=True)
class Damage:
    """How a primary dies, and how it comes back."""

    name: str
    kill: Callable[[Site, str], Awaitable[None]]
    mend: Callable[[Site, str], Awaitable[None]]


async def measure(results: Results) -> None:
    """Start a site under load and measure it, one thing after the other."""
    async with Site.start(SiteOptions()) as site:
        context = ssl.create_default_context(cafile=str(site.ca_file))
        async with httpx.AsyncClient(verify=context, timeout=20) as operator:
            writers = [
                Writer(site.gateway_urls, site.ca_file, site.admin_password, f"writer{number}")
                for number in range(WRITERS)
            ]
            load = Load(site, writers, operator)
            await load.sign_in()
            stop = asyncio.Event()
            writing = [asyncio.create_task(writer.run(stop)) for writer in writers]
            await _switchovers(load, results)
            await _kills(load, results, PROCESSES)
            await _kills(load, results, MACHINE)
            stop.set()
            await asyncio.gather(*writing)
        lost = {name for each in writers for name, _, _ in each.acknowledged}
        lost -= await writers[0].found()
        results.add("acknowledged changes lost", "meridian", [float(len(lost))], "")


async def _switchovers(load: Load, results: Results) -> None:
    pauses, idle = list[float](), list[float]()
    while len(pauses) < SWITCHOVERS:
        await load.settle()
        await asyncio.sleep(AROUND_SECONDS)
        begin = time.monotonic()
        answer = await load.operator.post(f"{load.site.gateway_urls[0]}/api/v1/switchover", json={})
        await asyncio.sleep(AROUND_SECONDS)
        if not answer.is_success:
            continue
        moments = load.acknowledged(begin - AROUND_SECONDS, time.monotonic())
        pauses.append(max(b - a for a, b in itertools.pairwise(moments)))
        idle.append(answer.json()["seconds"])
    results.add("switchover", "meridian", pauses, "s")
    results.add("switchover: nobody acts", "meridian", idle, "s")


async def _kills(load: Load, results: Results, damage: Damage) -> None:
    times: list[float] = []
    for _ in range(KILLS):
        await load.settle()
        await asyncio.sleep(AROUND_SECONDS)
        primary = await load.site.primary()
        assert primary is not None, "a site that is settled has a primary"
        killed_at = time.monotonic()
        await damage.kill(load.site, primary)
        times.append(await _accepted_after(load.writers, killed_at) - killed_at)
        await damage.mend(load.site, primary)
    results.add(f"failover: {damage.name}", "meridian", times, "s")


async def _kill_processes(site: Site, node: str) -> None:
    await site.crew.kill(site.crew.of(node, *SERVICES))


async def _start_processes(site: Site, node: str) -> None:
    for service in SERVICES:
        await site.start_service(node, service)
    await site.wait_ready()


async def _kill_machine(site: Site, node: str) -> None:
    await site.kill_master(node)


async def _start_machine(site: Site, node: str) -> None:
    await site.start_master(node)


async def _accepted_after(writers: list[Writer], moment: float) -> float:
    """When the first change was accepted that was proposed after *moment*."""
    while True:
        for writer in writers:
            if writer.acknowledged and writer.acknowledged[-1][1] > moment:
                return writer.acknowledged[-1][2]
        await asyncio.sleep(0.002)


PROCESSES: Final = Damage("process killed", _kill_processes, _start_processes)
MACHINE: Final = Damage("machine killed", _kill_machine, _start_machine)
