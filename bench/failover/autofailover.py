"""pg_auto_failover as it comes: a monitor and two nodes, with synchronous replication."""

import asyncio
import json
import shutil
import subprocess
import time
from collections.abc import AsyncGenerator, Collection
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from bench.failover import postgres
from bench.failover.postgres import MissingPeer, Server, Writer
from bench.failover.stamps import History
from stack.demo.target import free_port
from stack.ports import HOST

NAME: Final = "pg_auto_failover"
SETTLE_SECONDS: Final = 240.0
LOOK_SECONDS: Final = 0.5
STATES: Final = {"primary", "secondary"}


def require() -> None:
    """Say whether it is installed.

    Raises:
        MissingPeer: it is not.
    """
    if shutil.which("pg_autoctl") is None:
        raise MissingPeer(
            "the packages pg-auto-failover-cli and postgresql-*-auto-failover are not installed"
        )


@dataclass
class AutoFailover:
    """Two nodes, one monitor, one writer."""

    monitor: Server
    servers: tuple[Server, ...]
    history: History = field(default_factory=History)
    name: str = NAME
    running: dict[str, subprocess.Popen[bytes]] = field(
        default_factory=dict[str, "subprocess.Popen[bytes]"]
    )

    @classmethod
    @asynccontextmanager
    async def start(cls, folder: Path) -> "AsyncGenerator[AutoFailover]":
        """Start everything, and the writer, for as long as the block runs."""
        require()
        monitor, *servers = (
            Server(name, free_port(), postgres.make_folder(folder / name))
            for name in ("monitor", "one", "two")
        )
        peer = cls(monitor, tuple(servers))
        async with AsyncExitStack() as stack:
            stack.callback(peer.kill)
            await peer.create(monitor, "monitor")
            for server in servers:
                where = f"postgres://autoctl_node@{HOST}:{monitor.port}/pg_auto_failover"
                await peer.create(server, "postgres", "--monitor", where, "--name", server.name)
            await stack.enter_async_context(peer.writer.writing())
            await peer.settled()
            yield peer

    @property
    def writer(self) -> Writer:
        return Writer(self.servers, "postgres", postgres.UNPRIVILEGED, self.history)

    async def create(self, server: Server, kind: str, *more: str) -> None:
        """Make *server* and leave it running, once its PostgreSQL answers."""
        words = ["create", kind, "--pgdata", str(server.data), "--pgport", str(server.port)]
        words += ["--hostname", HOST, "--auth", "trust", "--no-ssl", "--run", *more]
        self.running[server.name] = self._start(server, *words)
        async with asyncio.timeout(SETTLE_SECONDS):
            while not await self._is_registered(server):
                if self.running[server.name].poll() is not None:
                    raise MissingPeer(
                        f"pg_autoctl ended: {(server.folder / 'log').read_text()[-300:]}"
                    )
                await asyncio.sleep(LOOK_SECONDS)

    async def settled(self) -> str:
        """Wait until one is primary and the other secondary, and both shall be."""
        async with asyncio.timeout(SETTLE_SECONDS):
            while True:
                states = await self._states()
                if set(states.values()) == STATES:
                    return next(name for name, state in states.items() if state == "primary")
                await asyncio.sleep(LOOK_SECONDS)

    async def found(self) -> Collection[int]:
        return await self.writer.found()

    async def strike(self, server: str) -> float:
        """Kill *server*'s pg_autoctl and PostgreSQL."""
        moment = time.monotonic()
        postgres.kill_machine(self.running.pop(server), self._server(server))
        return moment

    async def mend(self, server: str) -> None:
        node = self._server(server)
        self.running[server] = self._start(node, "run", "--pgdata", str(node.data))

    def kill(self) -> None:
        """End every server, the monitor last."""
        for server in (*self.servers, self.monitor):
            if server.name in self.running:
                postgres.kill_machine(self.running[server.name], server)

    async def _is_registered(self, server: Server) -> bool:
        if server is not self.monitor:
            return server.name in await self._states()
        return await self._monitor("show", "uri") is not None

    async def _states(self) -> dict[str, str]:
        """Each node's state; an empty word while it is to become another."""
        states: list[dict[str, Any]] = await self._monitor("show", "state", "--json") or []
        return {
            each["nodename"]: each["current_group_state"]
            if each["current_group_state"] == each["assigned_group_state"]
            else ""
            for each in states
        }

    async def _monitor(self, *words: str) -> Any:
        """What the monitor says; None when it says nothing."""
        monitor = self.monitor
        process = await asyncio.to_thread(
            lambda: postgres.ask(
                ("pg_autoctl", *words, "--pgdata", str(monitor.data)),
                monitor.folder,
                self._environment(monitor),
            )
        )
        if process.returncode:
            return None
        return json.loads(process.stdout) if "--json" in words else process.stdout

    def _start(self, server: Server, *words: str) -> subprocess.Popen[bytes]:
        return postgres.start(("pg_autoctl", *words), server.folder, self._environment(server))

    def _environment(self, server: Server) -> dict[str, str]:
        home = str(server.folder)
        files = ("XDG_CONFIG_HOME", "XDG_DATA_HOME", "XDG_RUNTIME_DIR", "TMPDIR")
        return dict.fromkeys((*files, "PG_REGRESS_SOCK_DIR", "PGHOST"), home)

    def _server(self, name: str) -> Server:
        return next(server for server in self.servers if server.name == name)
