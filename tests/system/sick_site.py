"""A site that can be made sick, whoever writes to it, and whoever looks at it."""

import asyncio
import contextlib
import itertools
import time
from collections.abc import AsyncGenerator, Iterator
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx

from stack.demo.writer import ChangeWriter
from stack.process_group import ProcessGroup
from stack.site import Site, SiteOptions
from stack.supervisor import Supervisor
from tests.system.chaos.sickness import Sickness, disks_of
from tests.system.people import Api, calling, signed_in

MASTERS = ("alpha", "bravo")
REASON_SECONDS = 15.0
WELL_SECONDS = 90.0


@dataclass
class SickSite:
    """One site as `meridian up` runs it, its people, and what makes it sick.

    *supervisor* starts again what ends by itself, and no process that was killed by it.
    """

    site: Site
    sick: Sickness
    supervisor: Supervisor
    api: Api
    env: dict[str, str]
    writers: list[ChangeWriter] = field(default_factory=list[ChangeWriter])
    _prefixes: Iterator[int] = field(default_factory=lambda: itertools.count(1))

    @staticmethod
    @contextlib.asynccontextmanager
    async def start(home: Path, *, wal: bool = False) -> "AsyncGenerator[SickSite]":
        """A site whose masters' databases have small disks; with *wal* their WAL has its own."""
        supervisor = Supervisor(list[str]().append)
        with ExitStack() as stack:
            disks = stack.enter_context(disks_of(MASTERS, ()))

            def watch(processes: ProcessGroup) -> None:
                supervisor.attach(processes)
                if disks:
                    disks.link(processes)

            async with Site.start(SiteOptions(watch=watch)) as site:
                sick = Sickness(site, disks)
                if wal and disks:
                    await sick.separate_wal(stack)
                supervising = asyncio.create_task(supervisor.run())
                try:
                    async with calling(site) as api:
                        yield SickSite(site, sick, supervisor, api, await signed_in(site, home))
                finally:
                    sick.end()
                    supervising.cancel()
                    await asyncio.gather(supervising, return_exceptions=True)

    async def check(self) -> dict[str, Any]:
        """What `meridian failover check` asks; empty while nobody answers it."""
        with contextlib.suppress(AssertionError, httpx.HTTPError):
            return dict(await self.api.call("GET", "/failover/check"))
        return {}

    async def well(self) -> tuple[str, str]:
        """Wait until a primary has a backup that would follow, and all is ready; their names."""
        async with asyncio.timeout(WELL_SECONDS):
            while True:
                found = await self.check()
                if found.get("successor") and found["primary"] and found["survives_loss"]:
                    await self.site.wait_ready()
                    return found["primary"], found["successor"]
                await asyncio.sleep(0.1)

    async def epoch(self) -> int:
        """The largest epoch that a master knows; 0 while nobody answers."""
        found = await self.check()
        return max((each["epoch"] or 0 for each in found.get("masters", ())), default=0)

    async def reasons(self, node: str) -> str:
        """What the check says against *node*, empty when nothing."""
        masters = (await self.check()).get("masters", ())
        return next(("; ".join(e["reasons"]) for e in masters if e["node"] == node), "")

    async def gives_reason(self, node: str, *words: str) -> str:
        """Wait until the check says one of *words* against *node*; all that it says."""
        found = ""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(REASON_SECONDS):
                while not any(word in found for word in words):
                    found = await self.reasons(node) or found
                    await asyncio.sleep(0.1)
        assert any(word in found for word in words), f"{node}: {found!r} names none of {words}"
        return found

    def accepted(self, since: float) -> list[float]:
        """When changes were acknowledged since then."""
        found = (at for writer in self.writers for _, _, at in writer.acknowledged)
        return sorted(at for at in found if at > since)

    async def accepted_again(self, since: float, count: int = 20) -> None:
        """Wait for so many changes after that moment."""
        async with asyncio.timeout(WELL_SECONDS):
            while len(self.accepted(since)) < count:
                await asyncio.sleep(0.05)

    def longest_pause(self, since: float) -> float:
        """The longest time without an acknowledgement between *since* and the last one."""
        moments = [since, *self.accepted(since)]
        return max((after - before for before, after in itertools.pairwise(moments)), default=0.0)

    async def role_moves(self, away_from: str) -> str:
        """Wait until another master says that it is primary; its name."""
        async with asyncio.timeout(WELL_SECONDS):
            while (found := await self.site.primary()) in {None, away_from}:
                await asyncio.sleep(0.05)
        assert found is not None
        return found

    @contextlib.asynccontextmanager
    async def writing(self) -> AsyncGenerator[None]:
        """Somebody at each front door makes changes all along; none of them may be lost.

        In the end whatever was made sick is well again.
        """
        site, stop, prefix = self.site, asyncio.Event(), f"writer-{next(self._prefixes)}"
        doors = site.gateway_urls
        self.writers = [
            ChangeWriter(order, site.ca_file, site.admin_password, prefix=f"{prefix}-{number}")
            for number, order in enumerate((doors, doors[::-1]))
        ]
        tasks = [asyncio.create_task(writer.run(stop)) for writer in self.writers]
        try:
            await self.accepted_again(time.monotonic())
            yield
        finally:
            self.sick.end()
            stop.set()
            await asyncio.gather(*tasks)
        found = await self.writers[0].found()
        for writer in self.writers:
            lost = {name for name, _, _ in writer.acknowledged} - found
            assert not lost, f"acknowledged and lost: {sorted(lost)}"
