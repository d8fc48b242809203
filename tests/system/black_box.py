"""A site of any commit, as an operator has one: a command line, a folder, and what listens.

It is started by `meridian up --state FOLDER` of a checked-out tree and known by nothing else than
its files and ports, so that one test can judge two commits. `MERIDIAN_TREE` names the tree; without
it, it is this one.
"""

import asyncio
import json
import os
import signal
import ssl
import sys
import tempfile
from asyncio import subprocess
from collections.abc import AsyncGenerator, Awaitable, Callable, Generator
from contextlib import AbstractAsyncContextManager, asynccontextmanager, contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import psutil

from tests.system.mended import FaultShown
from tests.system.raw_nats import RawNats
from tests.system.wire_dialect import HOST, Credentials, connect, credentials, site_file

HERE: Final = Path(__file__).parents[2]
TREE_VARIABLE: Final = "MERIDIAN_TREE"
READY: Final = "is ready after"
START_SECONDS: Final = 90.0
STOP_SECONDS: Final = 40.0
COMMAND_SECONDS: Final = 60.0
POLL_SECONDS: Final = 0.1
OK: Final = 200


def tree() -> Path:
    """The tree that is judged."""
    return Path(os.environ.get(TREE_VARIABLE) or HERE)


def interpreter(tree: Path) -> str:
    """The Python that has what *tree* needs."""
    own = tree / ".venv" / "bin" / "python"
    return sys.executable if tree == HERE or not own.exists() else str(own)


class SiteEnded(AssertionError):
    """`meridian up` ended, or did not get ready; it says what it said."""


@contextmanager
def state_folder() -> Generator[Path]:
    """A folder for a site; PostgreSQL's own user must pass through, where root starts it."""
    with tempfile.TemporaryDirectory(prefix="meridian-test-") as name:
        folder = Path(name)
        folder.chmod(0o711)
        yield folder / "state"


@dataclass(eq=False)
class BlackBox:
    """A running site; make it by `running_site`."""

    tree: Path
    state: Path
    process: subprocess.Process
    lines: list[str] = field(default_factory=list[str])

    @property
    def services(self) -> dict[str, int]:
        """The port of each service's health and metrics, by `node.service`."""
        return {
            f"{node['place']['name']}.{service}": port
            for node in site_file(self.state)["nodes"]
            for service, port in node["services"].items()
        }

    def pids(self) -> dict[str, int]:
        """The process of each service that runs: the one that listens at its port."""
        names = {port: name for name, port in self.services.items()}
        found: dict[str, int] = {}
        for child in _descendants(self.process.pid):
            with suppress(psutil.Error):
                ports = {each.laddr.port for each in _listening(child)}
                found |= {names[port]: child.pid for port in ports & names.keys()}
        return found

    def credentials(self, sender: str) -> Credentials:
        return credentials(self.state, sender)

    def connect(self, sender: str = "alpha.gateway") -> AbstractAsyncContextManager[RawNats]:
        """A raw connection to NATS with what *sender* has."""
        return connect(self.credentials(sender))

    def log(self, name: str) -> str:
        """What the process `node.service` wrote."""
        return (self.state / "logs" / f"{name}.log").read_text(errors="replace")

    async def get(self, name: str, path: str) -> tuple[int, bytes]:
        """What `node.service` answers on its own port; status 0 when nobody does."""
        try:
            async with asyncio.timeout(5):
                return await _get(self.services[name], path, None)
        except (OSError, TimeoutError, ValueError, IndexError):
            return 0, b""

    async def unready(self) -> dict[str, str]:
        """The services that are not ready, and what they say."""
        names = list(self.services)
        answers = await asyncio.gather(*(self.get(name, "/readyz") for name in names))
        content = zip(names, answers, strict=True)
        return {name: body.decode() for name, (status, body) in content if status != OK}

    async def streams(self) -> dict[str, Any]:
        """Each stream's last sequence and number of messages, by its name."""
        async with self.connect() as client:
            content = await client.jetstream("STREAM.LIST")
        return {
            each["config"]["name"]: (each["state"]["last_seq"], each["state"]["messages"])
            for each in content["streams"]
        }

    async def start_command(self, *arguments: str, home: Path) -> subprocess.Process:
        """Start `meridian` as an administrator's shell would; its output is piped."""
        content = site_file(self.state)
        servers = [each["nats"]["client"] for each in content["nodes"] if each["nats"]]
        return await subprocess.create_subprocess_exec(
            interpreter(self.tree),
            *("-m", "clients.cli", *arguments),
            cwd=self.tree,
            env={
                **_environment(),
                "MERIDIAN_HOME": str(home),
                "MERIDIAN_SITE": ",".join(content["gateway_urls"]),
                "MERIDIAN_CA_FILE": content["ca_file"],
                "MERIDIAN_PASSWORD_FILE": content["admin_password_file"],
                "MERIDIAN_EVENTS_SERVERS": ",".join(f"nats://{HOST}:{port}" for port in servers),
                "MERIDIAN_EVENTS_PASSWORD_FILE": str(self.state / "secrets" / "nats-events"),
            },
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
        )

    async def command(self, *arguments: str, home: Path) -> tuple[int, str]:
        """Run `meridian` as the administrator; its exit code and all that it said."""
        process = await self.start_command(*arguments, home=home)
        try:
            async with asyncio.timeout(COMMAND_SECONDS):
                output, _ = await process.communicate()
        finally:
            await kill(process)
        assert process.returncode is not None, "it has ended"
        return process.returncode, output.decode(errors="replace")

    async def role(self, node: str) -> int:
        """What the front door of *node* answers to the question whether it is primary."""
        content = site_file(self.state)
        port = next(each["gateway"] for each in content["nodes"] if each["place"]["name"] == node)
        tls = ssl.create_default_context(cafile=content["ca_file"])
        with suppress(OSError, TimeoutError, ValueError, IndexError):
            async with asyncio.timeout(5):
                return (await _get(port, "/role", tls))[0]
        return 0

    async def primary(self) -> str | None:
        """The master that says that it is primary."""
        nodes = site_file(self.state)["nodes"]
        for name in [each["place"]["name"] for each in nodes if each["gateway"]]:
            if await self.role(name) == OK:
                return str(name)
        return None

    async def connections(self) -> dict[str, tuple[str, int]]:
        """The services' connections to NATS by their names: server and number."""
        ours = tuple(f"{name}." for name in self.services)
        found: dict[str, tuple[str, int]] = {}
        for server in [each for each in site_file(self.state)["nodes"] if each["nats"]]:
            _, body = await _get(server["nats"]["monitor"], "/connz?limit=1024", None)
            name = str(server["place"]["name"])
            for each in json.loads(body)["connections"]:
                if str(each.get("name", "")).startswith(ours):
                    found[each["name"]] = (name, int(each["cid"]))
        return found

    async def stays_whole(self, before: dict[str, int], seconds: float) -> None:
        """Watch the services for *seconds*.

        Raises:
            FaultShown: one has ended since they were *before*, or is another process now.
        """
        end = asyncio.get_running_loop().time() + seconds
        while True:
            now = await asyncio.to_thread(self.pids)
            gone = sorted(name for name, pid in before.items() if now.get(name) != pid)
            if gone:
                raise FaultShown("process ended", f"{', '.join(gone)} did not stay")
            if asyncio.get_running_loop().time() >= end:
                return
            await asyncio.sleep(POLL_SECONDS)

    async def wait_ready(self) -> None:
        """Wait until the start is over.

        Raises:
            SiteEnded: it ended instead, or took too long.
        """
        try:
            async with asyncio.timeout(START_SECONDS):
                while not any(READY in line for line in self.lines):
                    if self.process.returncode is not None:
                        break
                    await asyncio.sleep(POLL_SECONDS)
                else:
                    return
        except TimeoutError:
            pass
        raise SiteEnded(f"the site is not ready: {''.join(self.lines)}")


@asynccontextmanager
async def running_site(tree: Path, state: Path) -> AsyncGenerator[BlackBox]:
    """The site in *state*, new or kept, run by the code of *tree* and stopped in the end.

    Raises:
        SiteEnded: it did not get ready.
    """
    process = await subprocess.create_subprocess_exec(
        interpreter(tree),
        *("-m", "clients.cli", "up", "--state", str(state)),
        cwd=tree,
        env=_environment(),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
    )
    site = BlackBox(tree, state, process)
    reading = asyncio.create_task(_read(process, site.lines))
    try:
        await site.wait_ready()
        yield site
    finally:
        await _stop(process)
        await reading


@asynccontextmanager
async def only_log_servers(tree: Path, state: Path) -> AsyncGenerator[None]:
    """The NATS servers of a site that is stopped, and nothing else of it."""
    program = Path(interpreter(tree)).parent / "nats-server"
    servers: list[subprocess.Process] = []
    try:
        for folder in sorted((state / "nats").iterdir()):
            arguments = (str(program), "--config", str(folder / "server.conf"))
            nowhere = subprocess.DEVNULL
            servers.append(
                await subprocess.create_subprocess_exec(*arguments, stdout=nowhere, stderr=nowhere)
            )
        await _are_healthy(state)
        yield
    finally:
        for each in servers:
            if each.returncode is None:
                each.terminate()
        for each in servers:
            await each.wait()


async def _are_healthy(state: Path) -> None:
    """Wait until every NATS server takes part in JetStream."""
    ports = [each["nats"]["monitor"] for each in site_file(state)["nodes"] if each["nats"]]
    async with asyncio.timeout(START_SECONDS):
        for port in ports:
            while True:
                with suppress(OSError, ValueError, IndexError):
                    if (await _get(port, "/healthz", None))[0] == OK:
                        break
                await asyncio.sleep(POLL_SECONDS)


async def _read(process: subprocess.Process, lines: list[str]) -> None:
    assert process.stdout is not None, "it was opened as a pipe"
    while line := await process.stdout.readline():
        lines.append(line.decode(errors="replace"))


async def _stop(process: subprocess.Process) -> None:
    """Interrupt the site as an operator does; what does not listen is killed."""
    if process.returncode is None:
        process.send_signal(signal.SIGINT)
        try:
            async with asyncio.timeout(STOP_SECONDS):
                await process.wait()
        except TimeoutError:
            process.kill()  # its supervisor ends the rest
            await process.wait()


async def _get(port: int, path: str, tls: ssl.SSLContext | None) -> tuple[int, bytes]:
    reader, writer = await asyncio.open_connection(HOST, port, ssl=tls)
    try:
        request = f"GET {path} HTTP/1.0\r\nHost: {HOST}:{port}\r\n\r\n"
        writer.write(request.encode())
        head, _, body = (await reader.read()).partition(b"\r\n\r\n")
        return int(head.split(maxsplit=2)[1]), body
    finally:
        writer.close()


async def kill(process: subprocess.Process) -> None:
    """End a program that has not ended by itself."""
    if process.returncode is None:
        process.kill()
        await process.wait()


async def until(holds: Callable[[], Awaitable[bool]], seconds: float) -> bool:
    """Wait until *holds*; whether it did within *seconds*."""
    try:
        async with asyncio.timeout(seconds):
            while not await holds():
                await asyncio.sleep(POLL_SECONDS)
    except TimeoutError:
        return False
    return True


def _descendants(pid: int) -> list[psutil.Process]:
    try:
        return psutil.Process(pid).children(recursive=True)
    except psutil.Error:
        return []


def _listening(child: psutil.Process) -> list[Any]:
    return [each for each in child.net_connections("tcp") if each.status == psutil.CONN_LISTEN]


def _environment() -> dict[str, str]:
    """Ours, without what would tell the other tree of this one or of another site."""
    others = ("MERIDIAN_", "PYTEST_", "COV_")
    kept = {name: each for name, each in os.environ.items() if not name.startswith(others)}
    kept.pop("PYTHONPATH", None)
    return {**kept, "COLUMNS": "200"}
