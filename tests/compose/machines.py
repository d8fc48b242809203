"""Machines for the operations pages: folders with the project's files, sharing one Docker engine.

What differs from real machines, and nothing else: each has the host's address with ports of its
own instead of a name, a project name of its own, and `scp` copies between the folders.
"""

import os
import secrets
import shutil
import subprocess
import tempfile
from collections.abc import AsyncGenerator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from ipaddress import ip_network
from pathlib import Path

from stack.ports import reserve
from tests.compose.pages import Typed
from tests.compose.site import ROOT, remove, shell

ROLES = {"alpha": "master", "bravo": "master", "witness": "witness", "lisbon": "traffic"}
PORTS = {4222: "NATS_PORT", 6222: "NATS_CLUSTER_PORT", 8443: "GATEWAY_PORT", 7443: "RELAY_PORT"}
COPY = """#!/bin/bash
# `scp FILE... HOST.example.com:meridian/FOLDER/` between machines that are folders.
set -euo pipefail
target=${!#}
folder=$MACHINES/${target%%.*}/${target#*:}
mkdir -p "$folder"
cp -- "${@:1:$#-1}" "$folder"
"""


@dataclass
class Machines:
    """The machines of one test run; *ports* are (machine, port) -> the port that stands for it."""

    folder: Path
    run: str
    address: str
    ports: Mapping[tuple[str, int], int]
    output: list[str] = field(default_factory=list[str])

    def home(self, machine: str) -> Path:
        return self.folder / machine / "meridian" / "compose" / ROLES[machine]

    def environment(self, machine: str) -> dict[str, str]:
        return {
            "PATH": f"{self.folder}:{os.environ['PATH']}",
            "MACHINES": str(self.folder),
            "COMPOSE_PROJECT_NAME": f"{self.run}-{machine}",
            "SITE_IMAGE": self.run,
            **{name: str(self.ports[machine, port]) for port, name in PORTS.items()},
        }

    def translated(self, commands: str) -> str:
        """*commands* with the address and port that stand for each machine's name and port."""
        for (machine, port), own in self.ports.items():
            name = f"{machine}.example.com"
            commands = commands.replace(f"{name}:{port}", f"{self.address}:{own}")
            pair = f'"host": "{name}", "port": {port}'
            commands = commands.replace(pair, f'"host": "{self.address}", "port": {own}')
            pair = f"host: {name}, port: {port}"
            commands = commands.replace(pair, f"host: {self.address}, port: {own}")
        return commands

    async def type(self, typed: Typed) -> str:
        """Type what a page says, on the machine that it names, and give what was said."""
        code, output = await shell(
            *("bash", "-euo", "pipefail", "-c", self.translated(typed.commands)),
            env=self.environment(typed.machine),
            folder=self.home(typed.machine),
        )
        assert code == 0, f"{typed}: {output}"
        self.output.append(output)
        return output


@asynccontextmanager
async def machines() -> AsyncGenerator[Machines]:
    """Fresh machines with the project's files on them; all that they started is removed."""
    folder = Path(tempfile.mkdtemp(prefix="meridian-machines-"))
    block = reserve()
    run = f"meridian-test-{secrets.token_hex(3)}"
    ports = {(machine, port): block.take() for machine in ROLES for port in PORTS}
    try:
        for machine in ROLES:
            bring_files(folder / machine / "meridian")
        (folder / "scp").write_text(COPY)
        (folder / "scp").chmod(0o755)
        yield Machines(folder, run, await _bridge_address(), ports)
    finally:
        await remove(run)
        block.close()
        shutil.rmtree(folder)


def bring_files(target: Path) -> None:
    """Copy what git knows, as a clone would."""
    listed = subprocess.run(
        ("git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"),
        cwd=ROOT,
        check=True,
        capture_output=True,
        text=True,
    )
    for name in filter(None, listed.stdout.split("\0")):
        if (ROOT / name).is_file():
            (target / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(ROOT / name, target / name)


async def _bridge_address() -> str:
    """The host as every container sees it, whichever project's network it is in."""
    template = "{{(index .IPAM.Config 0).Subnet}}"
    code, output = await shell(
        "docker", "network", "inspect", "bridge", "--format", template, env=os.environ
    )
    assert code == 0, output
    return str(ip_network(output.strip())[1])
