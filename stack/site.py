"""A running site: it comes up, comes back and goes away.

It is up when every service says that it is ready and one master says that it is primary. It goes
away without a trace: services first, then PostgreSQL and NATS, each asked and, when it does not
listen, killed; a temporary folder is removed. When this process is killed instead, the fork
server does the same at once.
"""

import asyncio
import ssl
from collections.abc import AsyncGenerator, Iterable, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import Final

from stack import nats, readiness
from stack.damage import Damage
from stack.environment import environment
from stack.failure import NotReady
from stack.folder import usable
from stack.layout import Layout, NodeLayout
from stack.process_group import ProcessGroup
from stack.processes import Child
from stack.readiness import Probe
from stack.servers import start_servers, wait_for_databases
from stack.start import SiteOptions, bring_up, health_of, start_services

READY: Final = 200

__all__ = ["Site", "SiteOptions"]


class Site(Damage):
    """A site of child processes; `async with Site.start(SiteOptions()) as site`."""

    def __init__(self, processes: ProcessGroup, patience_seconds: float) -> None:
        super().__init__(processes)
        self.layout: Layout = processes.layout
        self._patience_seconds = patience_seconds
        self._tls = ssl.create_default_context(cafile=str(self.layout.ca_file))

    @staticmethod
    @asynccontextmanager
    async def start(options: SiteOptions) -> "AsyncGenerator[Site]":
        """Start a site, new or kept, wait until it is ready, and stop it in the end.

        Raises:
            StartFailed: it did not come up; the message says what is missing, and why.
        """
        async with AsyncExitStack() as stack:
            site = Site(await bring_up(options, stack), options.patience_seconds)
            await site.wait_started()
            with usable(site.layout.state):
                site.layout.write()
            yield site

    @property
    def gateway_urls(self) -> tuple[str, ...]:
        return self.layout.gateway_urls

    @property
    def ca_file(self) -> Path:
        return self.layout.ca_file

    @property
    def admin_password(self) -> str:
        return self.layout.admin_password_file.read_text().strip()

    def environment(self, node: str, service: str) -> Mapping[str, str]:
        """Give the environment in which *service* of *node* runs."""
        return environment(self.layout, self.layout.node(node), service)

    async def start_service(self, node: str, service: str) -> Child:
        """Start one service (or `nats`, or `postgres`) that was killed."""
        return await self.processes.start(self.layout.node(node), service)

    async def start_node(self, *names: str, wipe: bool = False) -> None:
        """Bring killed nodes back, servers first, and wait until their services are ready.

        NATS servers rejoin with what they had stored, or empty with *wipe*.

        Raises:
            StartFailed: something did not come up in time.
        """
        nodes = [self.layout.node(name) for name in names]
        for node in nodes:
            if wipe and node.nats:
                nats.wipe(self.layout, node)
        await start_servers(self.processes, nodes)
        await wait_for_databases(self.processes, nodes, self._patience_seconds)
        await start_services(self.processes, nodes)
        await self._wait(nodes, {}, self._patience_seconds)

    async def start_master(self, name: str, *, wipe: bool = False) -> None:
        """Bring a killed master back."""
        await self.start_node(name, wipe=wipe)

    async def start_control_plane(self) -> None:
        """Bring back both masters and every NATS server after `stop_control_plane`."""
        await self.start_node(*(node.name for node in self.layout.servers))

    async def wait_started(self) -> None:
        """Wait until all is ready; a site with a watcher also comes up with a primary alone.

        Raises:
            StartFailed: it did not come up.
        """
        try:
            await self.wait_ready()
        except NotReady as error:
            watcher = self.processes.watcher
            if watcher is None or await self.primary() is None:
                raise
            watcher.say(f"the site has a primary and goes on without what is {error.message}")

    async def wait_ready(self, seconds: float | None = None) -> None:
        """Wait until every running service is ready and there is a primary.

        Raises:
            StartFailed: not within *seconds*, or a process has ended.
        """
        await self._wait(self.layout.nodes, {"a primary": self._ask_for_primary}, seconds)

    async def primary(self) -> str | None:
        """Name the master that says it is primary; None when none does."""
        asked = [node for node in self.layout.masters if node.gateway]
        answers = [readiness.get(node.gateway, "/role", self._tls) for node in asked]
        found = zip(asked, await asyncio.gather(*answers), strict=True)
        return next((node.name for node, answer in found if answer.status == READY), None)

    async def _ask_for_primary(self) -> str | None:
        return None if await self.primary() else "no master says that it is primary"

    async def _wait(
        self, nodes: Iterable[NodeLayout], more: Mapping[str, Probe], seconds: float | None
    ) -> None:
        probes, children = health_of(self.processes, nodes)
        patience = self._patience_seconds if seconds is None else seconds
        await readiness.until({**probes, **more}, children, patience)
