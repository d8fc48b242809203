"""Brings back whatever ended, killed or by itself, as a machine's service manager does."""

import asyncio
import re
from collections import Counter
from dataclasses import dataclass, field

from stack.failure import StartFailed
from stack.process_group import NATS, POSTGRES
from stack.site import Site

LOOK_SECONDS = 0.1
AGAIN_AFTER_SECONDS = 1.0
OUR_FAULT = re.compile(r"AssertionError: .*")


@dataclass
class ProcessWatch:
    """Keeps every process of a site running, except what is meant to be down for now.

    *ended* counts who ended by itself, and with which exit code.
    """

    site: Site
    down: set[tuple[str, str]] = field(default_factory=set[tuple[str, str]])
    ended: Counter[str] = field(default_factory=Counter[str])
    _due: dict[tuple[str, str], float] = field(default_factory=dict[tuple[str, str], float])

    async def run(self) -> None:
        """Look and restart, for ever."""
        while True:
            await self.look()
            await asyncio.sleep(LOOK_SECONDS)

    async def look(self) -> None:
        """Start what is not running and should be, once it was down for a moment."""
        now = asyncio.get_running_loop().time()
        for node, service in self._missing():
            due = self._due.setdefault((node, service), now + AGAIN_AFTER_SECONDS)
            if now >= due:
                del self._due[node, service]
                await self._start(node, service)

    def keep_down(self, node: str, *services: str) -> None:
        """These are meant to be down until `release`."""
        wanted = services or tuple(self._of(node))
        self.down |= {(node, service) for service in wanted}

    def release(self) -> None:
        """Whatever was meant to be down may come back."""
        self.down.clear()

    def faults(self) -> list[str]:
        """What the processes' logs hold that must never happen."""
        found = list[str]()
        for log in sorted(self.site.layout.logs.glob("*.log")):
            found += [f"{log.stem}: {line}" for line in set(OUR_FAULT.findall(log.read_text()))]
        return found

    def _missing(self) -> list[tuple[str, str]]:
        processes, missing = self.site.processes, list[tuple[str, str]]()
        for node in self.site.layout.nodes:
            for service in self._of(node.name):
                child = processes.members.get((str(node.name), service))
                if (str(node.name), service) in self.down or (child and child.is_running):
                    continue
                if child is not None and (node.name, service) not in self._due:
                    self.ended[f"{child.program.name} (exit {child.exit_code})"] += 1
                missing.append((str(node.name), service))
        return missing

    async def _start(self, node: str, service: str) -> None:
        try:
            await self.site.start_service(node, service)
        except StartFailed as error:
            raise AssertionError(f"{node}.{service} cannot be started: {error}") from error

    def _of(self, node: str) -> list[str]:
        layout = self.site.layout.node(node)
        servers = [NATS] * bool(layout.nats) + [POSTGRES] * bool(layout.postgres)
        return [*servers, *layout.services]
