# pyright: reportUnknownMemberType=false
"""NATS servers and PostgreSQL as child processes that die with the tests.

They are the same binaries that a site embeds, on ports that nobody else has, in folders of their
own; a server can be killed and comes back with what it had stored.
"""

import contextlib
import json
import os
import signal
import socket
import subprocess
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from http import HTTPStatus
from http.client import HTTPConnection, HTTPException
from pathlib import Path

from nats.aio.client import Client

from stack import kernel
from stack.binaries import Postgres, find_nats_server, find_postgres

HOST = "127.0.0.1"
SECONDS = 30.0
OWNER = "meridian"
SIZE = ("shared_buffers=16MB", "max_connections=40", "fsync=off", "full_page_writes=off")


def free_port() -> int:
    with socket.create_server((HOST, 0)) as listener:
        return int(listener.getsockname()[1])


async def settled(client: Client) -> None:
    """Wait until the server has done all that *client* told it.

    A flush does not tell: its ping may overtake what the client still holds back, but a message
    to oneself keeps its place.
    """
    inbox = client.new_inbox()
    own = await client.subscribe(inbox)
    await client.publish(inbox)
    await own.next_msg(timeout=SECONDS)
    await own.unsubscribe()


def spawn(
    arguments: Iterable[str | Path], log: Path, user: tuple[int, int] | None = None
) -> "subprocess.Popen[bytes]":
    """Start a child that ends with this process."""

    def tie() -> None:
        if user is not None:
            kernel.become(*user)
        kernel.die_with_parent(signal.SIGKILL)

    with log.open("ab") as output:
        return subprocess.Popen(
            [str(each) for each in arguments],
            stdout=output,
            stderr=subprocess.STDOUT,
            cwd=log.parent,
            env={**os.environ, "LC_ALL": "C"},
            preexec_fn=tie,  # noqa: PLW1509 (no thread runs yet that could hold a lock)
        )


def until(condition: Callable[[], bool], what: str) -> None:
    """Wait until *condition()* holds.

    Raises:
        TimeoutError: it did not.
    """
    deadline = time.monotonic() + SECONDS
    while not condition():
        if time.monotonic() > deadline:
            raise TimeoutError(f"{what} was not ready after {SECONDS:g} s")
        time.sleep(0.05)


@dataclass
class NatsServer:
    """One server; its ports stay the same over a restart."""

    name: str
    folder: Path
    routes: tuple[int, ...] = ()
    port: int = field(default_factory=free_port)
    cluster_port: int = field(default_factory=free_port)
    monitor: int = field(default_factory=free_port)
    process: "subprocess.Popen[bytes] | None" = None

    @property
    def url(self) -> str:
        return f"nats://{HOST}:{self.port}"

    def start(self) -> None:
        self.folder.mkdir(parents=True, exist_ok=True)
        file = self.folder / "server.conf"
        file.write_text(json.dumps(self._configuration()))
        arguments = (find_nats_server(), "--config", file)
        self.process = spawn(arguments, self.folder / "server.log")

    def kill(self) -> None:
        """End it as a power cut does; what it stored stays."""
        if self.process is not None:
            self.process.kill()
            self.process.wait()
            self.process = None

    def freeze(self) -> None:
        """Stop it where it is; connections stay open and nobody answers."""
        assert self.process is not None, "it runs"
        self.process.send_signal(signal.SIGSTOP)
        # A signal is only on its way when kill returns, and a busy machine lets threads run on.
        os.waitid(os.P_PID, self.process.pid, os.WSTOPPED | os.WNOWAIT)

    def thaw(self) -> None:
        assert self.process is not None, "it runs"
        self.process.send_signal(signal.SIGCONT)

    def is_ready(self) -> bool:
        """Whether its JetStream takes part."""
        opening = HTTPConnection(HOST, self.monitor, timeout=1)
        try:
            opening.request("GET", "/healthz")
            return opening.getresponse().status == HTTPStatus.OK
        except (OSError, HTTPException):
            return False
        finally:
            opening.close()

    def _configuration(self) -> dict[str, object]:
        alone: dict[str, object] = {
            "server_name": self.name,
            "listen": f"{HOST}:{self.port}",
            "http": f"{HOST}:{self.monitor}",
            "jetstream": {
                "store_dir": str(self.folder / "store"),
                "max_file_store": 1 << 31,
                "max_memory_store": 1 << 24,
            },
        }
        if not self.routes:
            return alone
        others = [f"nats://{HOST}:{port}" for port in self.routes if port != self.cluster_port]
        listen = f"{HOST}:{self.cluster_port}"
        return {**alone, "cluster": {"name": "tests", "listen": listen, "routes": others}}


@dataclass
class NatsCluster:
    """Three servers that replicate; each can be killed and started again."""

    servers: dict[str, NatsServer]

    @staticmethod
    def start(folder: Path) -> "NatsCluster":
        ports = {name: free_port() for name in ("alpha", "bravo", "witness")}
        routes = tuple(ports.values())
        cluster = NatsCluster(
            {
                name: NatsServer(name, folder / name, routes, cluster_port=port)
                for name, port in ports.items()
            }
        )
        for server in cluster.servers.values():
            server.start()
        cluster.wait_ready()
        return cluster

    @property
    def urls(self) -> tuple[str, ...]:
        return tuple(server.url for server in self.servers.values())

    def wait_ready(self) -> None:
        running = [each for each in self.servers.values() if each.process is not None]
        until(lambda: all(each.is_ready() for each in running), "the NATS cluster")

    def close(self) -> None:
        for server in self.servers.values():
            server.kill()


@dataclass
class PostgresServer:
    """One PostgreSQL in *folder*, which everybody may enter."""

    folder: Path
    port: int = field(default_factory=free_port)
    process: "subprocess.Popen[bytes] | None" = None

    def url(self, database: str = "postgres") -> str:
        return f"postgresql://{OWNER}@{HOST}:{self.port}/{database}"

    def make(self) -> None:
        """Create the databases' folder."""
        found = self._programs()
        if found.user is not None:
            os.chown(self.folder, *found.user)
        arguments = [
            *(str(found.program("initdb")), "--pgdata", str(self.folder / "data")),
            *("--username", OWNER, "--auth", "trust"),
            *("--no-sync", "--no-locale", "--encoding", "UTF8"),
        ]
        child = spawn(arguments, self.folder / "initdb.log", found.user)
        assert child.wait(SECONDS) == 0, (self.folder / "initdb.log").read_text()

    def start(self) -> None:
        found = self._programs()
        options = (f"listen_addresses={HOST}", f"port={self.port}", "unix_socket_directories=")
        settings = (word for option in (*options, *SIZE) for word in ("-c", option))
        program = [str(found.program("postgres")), "-D", str(self.folder / "data"), *settings]
        self.process = spawn(program, self.folder / "server.log", found.user)
        until(self._listens, "PostgreSQL")

    def stop(self) -> None:
        """End it at once; every connection is cut."""
        if self.process is not None:
            self.process.send_signal(signal.SIGINT)
            self.process.wait(SECONDS)
            self.process = None

    def _programs(self) -> Postgres:
        return find_postgres(self.folder)

    def _listens(self) -> bool:
        with contextlib.suppress(OSError), socket.create_connection((HOST, self.port), 1):
            return True
        return False
