"""A site in containers, under a name and on ports of its own: two runs never meet."""

import asyncio
import os
import secrets
import shutil
import sys
import tempfile
import time
from collections.abc import AsyncGenerator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

import httpx

from stack.demo.programs import RunningProgram, run
from stack.demo.writer import ChangeWriter
from stack.ports import HOST, reserve

ROOT = Path(__file__).resolve().parents[2]
PORTS = (
    *("ALPHA_GATEWAY_PORT", "BRAVO_GATEWAY_PORT", "ALPHA_RELAY_PORT", "BRAVO_RELAY_PORT"),
    *("BERLIN_RELAY_PORT", "DENVER_RELAY_PORT", "TOKYO_RELAY_PORT"),
    *("ALPHA_NATS_PORT", "BRAVO_NATS_PORT", "WITNESS_NATS_PORT"),
    *("RELAY_PORT", "GATEWAY_PORT"),
)
MASTER = (
    *("nats", "postgres", "config", "replication", "failover-monitor", "gateway", "relay"),
    "webhooks",
)
ASK = (
    "import urllib.request as u; print(u.urlopen('http://127.0.0.1:9100/metrics').read().decode())"
)


async def shell(*command: str, env: Mapping[str, str], folder: Path = ROOT) -> tuple[int, str]:
    """Run *command* in *folder*, with the secrets and ports of *env*; its code and what it said."""
    wrapped = ("env", "-C", str(folder), *command)
    program = await RunningProgram.start(command[0], *wrapped, env=env)
    return await program.finished()


@dataclass(frozen=True)
class Composed:
    """The site of docker-compose.yml as one test run has it."""

    project: str
    env: Mapping[str, str]
    seconds: list[float] = field(default_factory=list[float])
    """How long each start took, until everything was healthy."""

    async def make(self, target: str, **variables: str) -> str:
        """Do what a person does with `make`."""
        words = (f"{name}={value}" for name, value in variables.items())
        make = ("make", "--no-print-directory", "-C", str(ROOT))
        return await run(*make, target, *words, env=self.env)

    async def start(self) -> None:
        """Start what does not run, and wait until everything is healthy."""
        begun = time.monotonic()
        await self.make("up")
        self.seconds.append(time.monotonic() - begun)

    async def compose(self, *arguments: str) -> str:
        return await run(
            *("docker", "compose", "--project-directory", str(ROOT), *arguments), env=self.env
        )

    async def containers(self, root: Path, *arguments: str) -> tuple[int, str]:
        """Do what `make` does with a clone in *root*, which has no environment of its own."""
        command = (sys.executable, "-m", "stack.containers", "--root", str(root), *arguments)
        return await shell(*command, env=self.env)

    async def kill_master(self, name: str) -> None:
        """Kill everything that the master's machine would run, all at once."""
        await self.compose("kill", *(f"{name}-{part}" for part in MASTER))

    @property
    def gateways(self) -> tuple[str, ...]:
        ports = (self.env[name] for name in PORTS[:2])
        return tuple(f"https://{HOST}:{port}" for port in ports)

    @property
    def secrets(self) -> Path:
        return Path(self.env["SITE_SECRETS"])

    def person(self, home: Path) -> dict[str, str]:
        """The variables of somebody who works with this site."""
        return {
            "MERIDIAN_HOME": str(home),
            "MERIDIAN_SITE": ",".join(self.gateways),
            "MERIDIAN_CA_FILE": str(self.secrets / "ca.pem"),
            "MERIDIAN_PASSWORD_FILE": str(self.secrets / "admin"),
            "COLUMNS": "200",
        }

    def writer(self) -> ChangeWriter:
        password = (self.secrets / "admin").read_text().strip()
        return ChangeWriter(self.gateways, self.secrets / "ca.pem", password)

    async def primary(self) -> str | None:
        """Name the master that says it is primary; None when none does."""
        async with httpx.AsyncClient(verify=False, timeout=2.0) as client:
            for gateway in self.gateways:
                try:
                    answer = await client.get(f"{gateway}/role")
                except httpx.HTTPError:
                    continue
                if answer.is_success:
                    return str(answer.json()["node"])
        return None

    async def metrics(self, service: str, number: int) -> dict[str, float]:
        """The counters of one container of *service*."""
        output = await self.compose("exec", "-T", f"--index={number}", service, "python", "-c", ASK)
        lines = (line.rpartition(" ") for line in output.splitlines() if line[:1].isalpha())
        return {name: float(value) for name, _, value in lines}


@asynccontextmanager
async def composed() -> AsyncGenerator[Composed]:
    """A site that is not started yet; whatever of it runs in the end is removed, image and all."""
    folder = Path(tempfile.mkdtemp(prefix="meridian-compose-"))
    block = reserve()
    project = f"meridian-test-{secrets.token_hex(3)}"
    env = {
        "COMPOSE_PROJECT_NAME": project,
        "SITE_SECRETS": str(folder / "secrets"),
        "SITE_IMAGE": project,
        "SITE_HOST": HOST,
        "SITE_NAME": "test.example",
        "NATS_ADDRESS": HOST,
        **{name: str(block.take()) for name in PORTS},
    }
    site = Composed(project, env)
    try:
        yield site
    finally:
        await remove(project)
        block.close()
        shutil.rmtree(folder)


async def remove(run: str) -> None:
    """Remove what one test run made and nothing else: its projects' names begin with *run*."""
    lists = {
        "container": ("ps", "--all", "--quiet"),
        "volume": ("volume", "ls", "--quiet"),
        "network": ("network", "ls", "--quiet"),
    }
    for kind, words in lists.items():
        label = '{{.Label "com.docker.compose.project"}}'
        listed = (*(word for word in words if word != "--quiet"), "--format", label)
        _, output = await shell("docker", *listed, env=os.environ)
        for project in {name for name in output.split() if name.startswith(run)}:
            mark = f"label=com.docker.compose.project={project}"
            _, found = await shell("docker", *words, "--filter", mark, env=os.environ)
            force = () if kind == "network" else ("--force",)
            await shell("docker", kind, "rm", *force, *found.split(), env=os.environ)
    await shell("docker", "image", "rm", "--force", run, env=os.environ)


async def until_primary(site: Composed, other_than: str, seconds: float = 30.0) -> str:
    """Wait until a master other than *other_than* says that it is primary."""
    async with asyncio.timeout(seconds):
        while (found := await site.primary()) in {None, other_than}:
            await asyncio.sleep(0.1)
    assert found is not None
    return found
