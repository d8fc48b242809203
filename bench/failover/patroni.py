"""Patroni with etcd: its own defaults, or another ttl."""

import asyncio
import json
import os
import shutil
import subprocess
import sys
import time
from collections.abc import AsyncGenerator, Collection
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import httpx

from bench.failover import postgres
from bench.failover.postgres import MissingPeer, Server, Writer
from bench.failover.rounds import Blow
from bench.failover.sickness import fill
from bench.failover.stamps import History
from stack import disks
from stack.binaries import anybody_may_enter
from stack.demo.target import free_port
from stack.disks import Disk
from stack.ports import HOST
from stack.table_lock import TableLock

LOCK: Final = Path(__file__).parents[1] / "peers.lock"
PYTHONS: Final = (sys.executable, "/usr/bin/python3")
SETTLE_SECONDS: Final = 240.0
LOOK_SECONDS: Final = 0.5
LOGIN: Final = {"username": "postgres", "password": "bench"}
REPLICATOR: Final = {"username": "replicator", "password": "bench"}


@dataclass(frozen=True)
class Program:
    """Patroni as anybody may run it: an interpreter, and the folder with its packages."""

    python: str
    packages: Path

    @property
    def words(self) -> tuple[str, ...]:
        return (self.python, "-m", "patroni")


def install(folder: Path) -> Program:
    """Install what the lock says into *folder*.

    Raises:
        MissingPeer: it cannot be had here.
    """
    if shutil.which("etcd") is None:
        raise MissingPeer("the package etcd-server is not installed")
    postgres.programs()
    python = next((each for each in PYTHONS if _is_for_anybody(each)), None)
    if python is None:
        raise MissingPeer("there is no interpreter that anybody may run")
    uv = Path(sys.executable).parent / "uv"
    words = [str(uv), "pip", "install", "--quiet", "--require-hashes", "--python", python]
    words += ["--target", str(folder), "--requirements", str(LOCK)]
    done = subprocess.run(words, capture_output=True, text=True, check=False)
    if done.returncode:
        raise MissingPeer(f"Patroni cannot be installed: {done.stderr.strip()[-300:]}")
    folder.chmod(0o755)
    return Program(python, folder)


def _is_for_anybody(python: str) -> bool:
    path = Path(python).resolve()
    return path.exists() and anybody_may_enter(path.parent)


@dataclass
class Patroni:
    """Two servers, one etcd, one writer."""

    name: str
    program: Program
    servers: tuple[Server, ...]
    ports: dict[str, int]
    disks: dict[str, Disk] = field(default_factory=dict[str, Disk])
    history: History = field(default_factory=History)
    running: dict[str, subprocess.Popen[bytes]] = field(
        default_factory=dict[str, "subprocess.Popen[bytes]"]
    )

    @classmethod
    @asynccontextmanager
    async def start(
        cls, program: Program, folder: Path, name: str, ttl: int | None
    ) -> "AsyncGenerator[Patroni]":
        """Start everything, and the writer, for as long as the block runs."""
        names = ("one", "two")
        servers = tuple(
            Server(each, free_port(), postgres.make_folder(folder / each)) for each in names
        )
        peer = cls(name, program, servers, {each: free_port() for each in names})
        async with AsyncExitStack() as stack:
            for server in servers:
                place = postgres.make_folder(_disk(server))
                if not disks.missing():
                    peer.disks[server.name] = stack.enter_context(disks.small_disk(at=place))
                    postgres.give_away(place)
            etcd = _start_etcd(postgres.make_folder(folder / "etcd"))
            stack.callback(_end, etcd.process)
            stack.callback(peer.kill)
            for server in servers:
                peer.configure(server, etcd.port, ttl)
                peer.begin(server)
            await stack.enter_async_context(peer.writer.writing())
            await peer.settled()
            yield peer

    @property
    def writer(self) -> Writer:
        return Writer(self.servers, "postgres", LOGIN["username"], self.history)

    def configure(self, server: Server, etcd: int, ttl: int | None) -> None:
        """Write *server*'s file: defaults, other than where a ttl is given."""
        dynamic: dict[str, Any] = {"postgresql": {"use_pg_rewind": True}}
        if ttl is not None:
            dynamic["ttl"] = ttl
        trust = [f"host {database} all {HOST}/32 trust" for database in ("all", "replication")]
        address = f"{HOST}:{server.port}"
        api = f"{HOST}:{self.ports[server.name]}"
        document = {
            "scope": "bench",
            "name": server.name,
            "restapi": {"listen": api, "connect_address": api},
            "etcd3": {"host": f"{HOST}:{etcd}"},
            "bootstrap": {"dcs": dynamic, "initdb": [{"encoding": "UTF8"}, "data-checksums"]},
            "postgresql": {
                "listen": address,
                "connect_address": address,
                "data_dir": str(_disk(server) / "data"),
                "bin_dir": str(postgres.programs()),
                "pgpass": str(server.folder / "pgpass"),
                "authentication": {
                    "superuser": LOGIN,
                    "replication": REPLICATOR,
                    "rewind": LOGIN,
                },
                "parameters": {"unix_socket_directories": str(server.folder)},
                "pg_hba": [*trust, "local all all trust"],
            },
        }
        (server.folder / "patroni.yml").write_text(json.dumps(document))
        (server.folder / "patroni.yml").chmod(0o644)

    def begin(self, server: Server) -> None:
        """Start *server*'s Patroni, which starts PostgreSQL."""
        self.running[server.name] = postgres.start(
            (*self.program.words, str(server.folder / "patroni.yml")),
            server.folder,
            {"PYTHONPATH": str(self.program.packages)},
        )

    async def settled(self) -> str:
        """Wait until there is a leader and the other one streams from it."""
        async with asyncio.timeout(SETTLE_SECONDS), httpx.AsyncClient(timeout=2) as client:
            while True:
                for port in self.ports.values():
                    leader = await _leader(client, port)
                    if leader is not None:
                        return leader
                await asyncio.sleep(LOOK_SECONDS)

    async def found(self) -> Collection[int]:
        return await self.writer.found()

    async def strike(self, server: str) -> float:
        """Kill *server*'s Patroni and PostgreSQL."""
        moment = time.monotonic()
        postgres.kill_machine(self.running.pop(server), self._server(server))
        return moment

    async def mend(self, server: str) -> None:
        self.begin(self._server(server))

    def kill(self) -> None:
        """End every server."""
        for server in self.servers:
            if server.name in self.running:
                postgres.kill_machine(self.running[server.name], server)

    async def is_pausing(self, _: str) -> bool:
        return self.history.is_pausing(time.monotonic())

    def disk_full(self) -> Blow:
        """The disk of a server's PostgreSQL has no free page; its Patroni's own files have room."""

        async def strike(server: str) -> float:
            return await fill(self.disks[server])

        async def mend(server: str) -> None:
            self.disks[server].free()

        return Blow("disk full", strike, mend, self.is_pausing)

    def database_locked(self) -> Blow:
        """The table that the writer writes is locked."""
        locks: dict[str, TableLock] = {}

        async def strike(server: str) -> float:
            at = f"{HOST}:{self._server(server).port}"
            url = f"postgresql://{LOGIN['username']}@{at}/postgres"
            locks[server] = await TableLock.take(url, "stamps")
            return time.monotonic()

        async def mend(server: str) -> None:
            locks.pop(server).release()

        return Blow("database locked", strike, mend, self.is_pausing)

    def _server(self, name: str) -> Server:
        return next(server for server in self.servers if server.name == name)


def _disk(server: Server) -> Path:
    """Where *server*'s database lies: a disk of its own where there can be one."""
    return server.folder / "disk"


@dataclass(frozen=True)
class Etcd:
    """One etcd server, and where its clients find it."""

    process: subprocess.Popen[bytes]
    port: int


def _start_etcd(folder: Path) -> Etcd:
    port, peers = free_port(), free_port()
    client, peer = f"http://{HOST}:{port}", f"http://{HOST}:{peers}"
    words = ["etcd", "--name", "etcd", "--data-dir", str(folder / "data")]
    words += ["--listen-client-urls", client, "--advertise-client-urls", client]
    words += ["--listen-peer-urls", peer, "--initial-advertise-peer-urls", peer]
    words += ["--initial-cluster", f"etcd={peer}"]
    return Etcd(postgres.start(words, folder, {"HOME": os.devnull}), port)


async def _leader(client: httpx.AsyncClient, port: int) -> str | None:
    """Who leads, as one server's API says; None until the other one streams."""
    try:
        answer = await client.get(f"http://{HOST}:{port}/cluster")
    except httpx.HTTPError:
        return None
    members: list[dict[str, Any]] = answer.json().get("members", []) if answer.is_success else []
    leaders = [each["name"] for each in members if each["role"] == "leader"]
    streaming = [each for each in members if each["state"] == "streaming"]
    is_whole = len(leaders) == 1 and len(streaming) == 1 and streaming[0].get("lag") == 0
    return str(leaders[0]) if is_whole else None


def _end(process: subprocess.Popen[bytes]) -> None:
    process.terminate()
    process.wait()
