"""What both peers have in common: two PostgreSQL servers, a writer, and how a machine is killed.

PostgreSQL refuses root; so whatever belongs to a peer runs as `nobody`, with programs that anybody
may run. A machine is killed by SIGKILL to everything that was started for it, PostgreSQL included.
"""

import asyncio
import contextlib
import os
import pwd
import subprocess
import time
from collections.abc import AsyncGenerator, Collection, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final, Protocol

import asyncpg
import psutil

from bench.failover.stamps import History, Stamp
from bench.failover.writing import STAMP_SECONDS, Pace
from stack.ports import HOST

UNPRIVILEGED: Final = "nobody"
PROGRAMS: Final = Path("/usr/lib/postgresql")
CONNECT_SECONDS: Final = 2.0
STATEMENT_SECONDS: Final = 5.0
ASK_SECONDS: Final = 10.0
GONE_SECONDS: Final = 5.0
TABLE: Final = "CREATE TABLE IF NOT EXISTS stamps (number bigint PRIMARY KEY)"
INSERT: Final = "INSERT INTO stamps VALUES ($1)"

ERRORS: Final = (
    asyncpg.PostgresError,
    asyncpg.InterfaceError,
    asyncpg.InternalClientError,
    OSError,
    TimeoutError,
)


class MissingPeer(Exception):
    """A peer is not installed, or did not start; the message says what to do."""


@dataclass(frozen=True)
class Server:
    """One of the two: its name, where its PostgreSQL listens, and where its files are."""

    name: str
    port: int
    folder: Path

    @property
    def data(self) -> Path:
        return self.folder / "data"


@dataclass
class Writer:
    """Somebody who inserts the next number, wherever writes are accepted."""

    servers: Sequence[Server]
    database: str
    user: str
    history: History
    pace: Pace = field(default_factory=Pace)

    @asynccontextmanager
    async def writing(self) -> AsyncGenerator[None]:
        """Write for as long as the block runs."""
        async with asyncio.TaskGroup() as tasks:
            task = tasks.create_task(self._run())
            try:
                yield
            finally:
                task.cancel()

    async def _run(self) -> None:
        while True:
            with contextlib.suppress(*ERRORS):
                await self._while_connected()
            await asyncio.sleep(STAMP_SECONDS)

    async def _while_connected(self) -> None:
        connection = await self.connect()
        try:
            port = await connection.fetchval("SELECT inet_server_port()")
            holder = next(server.name for server in self.servers if server.port == port)
            await connection.execute(TABLE)
            while True:
                number, proposed = await self.pace.number(), time.monotonic()
                await connection.execute(INSERT, number)
                stamp = Stamp(number, proposed, time.monotonic(), frozenset([holder]))
                self.history.add(stamp)
        finally:
            connection.terminate()

    async def connect(self) -> "asyncpg.Connection[asyncpg.Record]":
        """A connection to the server that accepts writes."""
        hosts = ",".join(f"{HOST}:{server.port}" for server in self.servers)
        return await asyncpg.connect(
            f"postgresql://{self.user}@{hosts}/{self.database}?target_session_attrs=read-write",
            timeout=CONNECT_SECONDS,
            command_timeout=STATEMENT_SECONDS,
        )

    async def found(self) -> Collection[int]:
        """Every stamp that the primary has."""
        connection = await self.connect()
        try:
            return {row["number"] for row in await connection.fetch("SELECT number FROM stamps")}
        finally:
            await connection.close()


class Peer(Protocol):
    """A peer that runs: the rounds hurt it like our own site."""

    name: str
    history: History

    async def settled(self) -> str: ...
    async def found(self) -> Collection[int]: ...
    async def strike(self, server: str) -> float: ...
    async def mend(self, server: str) -> None: ...


def programs() -> Path:
    """The distribution's PostgreSQL.

    Raises:
        MissingPeer: it is not installed.
    """
    found = sorted(PROGRAMS.glob("*/bin"), key=lambda path: int(path.parent.name))
    if not found:
        raise MissingPeer("the package postgresql is not installed")
    return found[-1]


@dataclass(frozen=True)
class Account:
    """As whom a peer's programs run; None for all: as ourselves."""

    user: int | None = None
    group: int | None = None
    groups: tuple[int, ...] | None = None


def account() -> Account:
    """`nobody` where we are root."""
    if os.geteuid() != 0:
        return Account()
    entry = pwd.getpwnam(UNPRIVILEGED)
    return Account(entry.pw_uid, entry.pw_gid, ())


def start(
    words: Sequence[str], folder: Path, environment: Mapping[str, str]
) -> subprocess.Popen[bytes]:
    """Start a program in a session of its own, its output in *folder*/log."""
    nobody = account()
    with (folder / "log").open("ab") as log:
        return subprocess.Popen(
            words,
            cwd=folder,
            env=_whole(folder, environment),
            stdout=log,
            stderr=log,
            start_new_session=True,
            user=nobody.user,
            group=nobody.group,
            extra_groups=nobody.groups,
        )


def ask(
    words: Sequence[str], folder: Path, environment: Mapping[str, str]
) -> subprocess.CompletedProcess[str]:
    """Run a program to its end, and what it said."""
    nobody = account()
    return subprocess.run(
        words,
        cwd=folder,
        env=_whole(folder, environment),
        capture_output=True,
        text=True,
        check=False,
        timeout=ASK_SECONDS,
        user=nobody.user,
        group=nobody.group,
        extra_groups=nobody.groups,
    )


def _whole(folder: Path, environment: Mapping[str, str]) -> dict[str, str]:
    path = f"{programs()}:/usr/bin:/bin"
    return {"PATH": path, "LC_ALL": "C.UTF-8", "HOME": str(folder), **environment}


def make_folder(path: Path) -> Path:
    """A folder that `nobody` owns."""
    path.mkdir(parents=True, mode=0o700)
    give_away(path)
    return path


def give_away(path: Path) -> None:
    """Have `nobody` own a folder."""
    nobody = account()
    if nobody.user is not None and nobody.group is not None:
        os.chown(path, nobody.user, nobody.group)


def kill_machine(process: subprocess.Popen[bytes], server: Server) -> None:
    """End at once whatever runs in *server*'s folder: *process*, PostgreSQL, what they started."""
    doomed = [each for each in psutil.process_iter() if _runs_in(each, server.folder)]
    for each in doomed:
        with contextlib.suppress(psutil.NoSuchProcess):
            each.kill()
    process.wait()
    psutil.wait_procs(doomed, timeout=GONE_SECONDS)


def _runs_in(process: psutil.Process, folder: Path) -> bool:
    with contextlib.suppress(psutil.Error):
        return Path(process.cwd()).is_relative_to(folder)
    return False
