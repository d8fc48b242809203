"""The servers at the customer: a real PostgreSQL and Python's own file server."""

import asyncio
import os
import socket
import sys
from collections.abc import AsyncGenerator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from stack.binaries import Postgres, find_postgres
from stack.demo.programs import RunningProgram, run
from stack.ports import HOST

USER: Final = "demo"
PATIENCE_SECONDS: Final = 20.0
POLL_SECONDS: Final = 0.05
PGBENCH_CLIENTS: Final = 2
POSTGRES_OPTIONS: Final = ("listen_addresses=127.0.0.1", "unix_socket_directories=", "fsync=off")


@dataclass
class Targets:
    """The two servers that sessions are carried to; *file* is what the second one serves."""

    postgres: Postgres
    postgres_port: int
    http_port: int
    file: Path

    @staticmethod
    @asynccontextmanager
    async def start(folder: Path) -> AsyncGenerator["Targets"]:
        """Start both servers, wait until they answer, and stop them in the end.

        Raises:
            RuntimeError: one of them did not come up; the message holds its output.
        """
        targets = Targets(find_postgres(folder), free_port(), free_port(), folder / "files" / "big")
        targets.file.parent.mkdir()
        async with AsyncExitStack() as stack:
            for program in (await targets._start_postgres(folder), await targets._start_files()):
                stack.push_async_callback(program.stop)
            await asyncio.gather(_answers(targets.postgres_port), _answers(targets.http_port))
            await run(*targets._pgbench(targets.postgres_port), "--initialize", "--quiet")
            yield targets

    def pgbench(self, port: int, seconds: int) -> tuple[str, ...]:
        """The command that loads the database behind *port* for so many seconds."""
        load = ("--client", str(PGBENCH_CLIENTS), "--time", str(seconds), "--no-vacuum")
        return (*self._pgbench(port), *load)

    def _pgbench(self, port: int) -> tuple[str, ...]:
        where = ("--host", HOST, "--port", str(port), "--username", USER)
        return (str(self.postgres.program("pgbench")), *where, "postgres")

    async def _start_postgres(self, folder: Path) -> RunningProgram:
        home = folder / "customer"
        home.mkdir()
        if self.postgres.user is not None:
            os.chown(home, *self.postgres.user)
        data = str(home / "data")
        initdb = str(self.postgres.program("initdb"))
        await run(
            *(initdb, "--pgdata", data, "--username", USER, "--auth", "trust", "--no-sync"),
            as_user=self.postgres.user,
        )
        options = (word for option in POSTGRES_OPTIONS for word in ("-c", option))
        server = (str(self.postgres.program("postgres")), "-D", data)
        port = ("-p", str(self.postgres_port))
        return await RunningProgram.start(
            "postgres", *server, *port, *options, as_user=self.postgres.user
        )

    async def _start_files(self) -> RunningProgram:
        arguments = ("--bind", HOST, "--directory", str(self.file.parent), str(self.http_port))
        return await RunningProgram.start(
            "http.server", sys.executable, "-m", "http.server", *arguments
        )


def free_port() -> int:
    """A port of loopback that is free now."""
    with socket.socket() as probe:
        probe.bind((HOST, 0))
        port: int = probe.getsockname()[1]
        return port


async def _answers(port: int) -> None:
    """Wait until something accepts connections on *port*."""
    async with asyncio.timeout(PATIENCE_SECONDS):
        while True:
            try:
                _, writer = await asyncio.open_connection(HOST, port)
            except OSError:
                await asyncio.sleep(POLL_SECONDS)
                continue
            writer.close()
            return
