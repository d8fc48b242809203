"""The site that is stormed, with everything on it that reads: a webhook's receiver too."""

import asyncio
import contextlib
import json
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from stack.demo.narrator import Narrator
from stack.demo.scenario import Scenario
from stack.process_group import NATS, POSTGRES
from stack.site import Site
from stack.start import start_services
from tests.system.people import run_meridian, signed_in
from tests.system.raw_nats import RawNats
from tests.system.storm.places import last

ANSWER: Final = b"HTTP/1.1 204 No Content\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"
PAUSE_SECONDS: Final = 0.5
CALM_SECONDS: Final = 60.0

Processes = dict[tuple[str, str], int]


@dataclass
class Stage:
    """A running site and its administrator."""

    site: Site
    env: dict[str, str]
    home: Path

    def processes(self) -> Processes:
        """The process id of everything that runs."""
        members = self.site.processes.members
        return {key: child.pid for key, child in members.items() if child.is_running}

    def ended(self, before: Processes, when: str) -> list[str]:
        """Who does not run any more, or is another process, since *before*."""
        now = self.processes()
        return [
            f"{node}.{service} ended {when}"
            for (node, service), pid in sorted(before.items())
            if now.get((node, service)) != pid
        ]

    async def restart(self) -> None:
        """End every service and start it anew.

        Raises:
            StartFailed: one did not get ready.
        """
        processes, nodes = self.site.processes, self.site.layout.nodes
        servers = (NATS, POSTGRES)
        await processes.kill(
            child for (_, service), child in processes.members.items() if service not in servers
        )
        await start_services(processes, nodes)
        await self.site.wait_ready(CALM_SECONDS)

    async def run_demo(self) -> tuple[bool, int, int]:
        """Tell the demonstration's story: whether all was kept, and the changes and sessions lost.

        Raises:
            RuntimeError: the story came to a halt.
        """
        folder = self.home / "demo"
        folder.mkdir(exist_ok=True)
        scenario = Scenario(self.site, folder, Narrator())
        await scenario.run()
        outcome = scenario.outcome
        return outcome.ok, outcome.changes_lost, outcome.sessions_lost

    async def role(self, client: RawNats) -> tuple[str, str, int]:
        """Whose role it is by the last record of the lease: node, process and epoch.

        What is no record is waited out: its holder puts it right.
        """
        async with asyncio.timeout(CALM_SECONDS):
            while True:
                with contextlib.suppress(ValueError, KeyError, TypeError):
                    stored = json.loads(await last(client, "KV_lease", "$KV.lease.primary"))
                    record = json.loads(stored["record"])
                    return str(record["holder"]), str(record["instance"]), int(record["epoch"])
                await asyncio.sleep(PAUSE_SECONDS)

    async def resync(self, node: str) -> tuple[int, str]:
        """Have *node* take a snapshot."""
        return await run_meridian(self.env, "sync", "--resync", node)


@asynccontextmanager
async def staged(site: Site, home: Path) -> AsyncGenerator[Stage]:
    """The site with somebody signed in, and a webhook that is told everything."""
    server = await asyncio.start_server(_receive, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    try:
        env = await signed_in(site, home)
        document = home / "webhook.yaml"
        document.write_text(f"webhooks:\n  storm: {{url: 'http://127.0.0.1:{port}/'}}\n")
        code, output = await run_meridian(env, "apply", "-f", str(document))
        assert code == 0, output
        yield Stage(site, env, home)
    finally:
        server.close()


async def _receive(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Take one event and say thank you."""
    with contextlib.suppress(OSError, asyncio.IncompleteReadError, asyncio.LimitOverrunError):
        head = await reader.readuntil(b"\r\n\r\n")
        length = next(
            (
                int(line.partition(b":")[2])
                for line in head.lower().split(b"\r\n")
                if line.startswith(b"content-length:")
            ),
            0,
        )
        await reader.readexactly(length)
        writer.write(ANSWER)
        await writer.drain()
    writer.close()
