"""An OpenSSH server of our own, and the programs that go to it through a session."""

import getpass
import os
import sys
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

from stack.demo.programs import RunningProgram, run
from stack.demo.target import free_port
from tests.programs import require_program
from tests.system.people import reachable

RUN = Path("/run/sshd")
"""Root's server wants this folder, which boot scripts make."""


@dataclass(frozen=True)
class SecureShell:
    """A server on loopback that lets in this user with one key."""

    folder: Path
    port: int

    def config(self) -> str:
        """What the server reads: one port of loopback, one key, no password."""
        lines = {
            "Port": self.port,
            "ListenAddress": "127.0.0.1",
            "HostKey": self.folder / "host",
            "AuthorizedKeysFile": self.folder / "user.pub",
            "PidFile": "none",
            "StrictModes": "no",
            "UsePAM": "no",
            "PasswordAuthentication": "no",
            "PermitRootLogin": "prohibit-password",
            "Subsystem": "sftp internal-sftp",
        }
        return "".join(f"{name} {value}\n" for name, value in lines.items())

    def through(self, key: str) -> tuple[str, ...]:
        """What ssh and scp need to come here by the session of *key*, and by nothing else."""
        connect = f"{sys.executable} -m clients.cli connect --stdio --key {key}"
        options = {
            "ProxyCommand": connect,
            "IdentityFile": self.folder / "user",
            "UserKnownHostsFile": self.folder / "known",
            "StrictHostKeyChecking": "accept-new",
            "BatchMode": "yes",
        }
        return ("-F", "none", *(f"-o{name}={value}" for name, value in options.items()))

    @property
    def address(self) -> str:
        """Who, and a host name that no resolver knows."""
        return f"{getpass.getuser()}@customer.invalid"


@asynccontextmanager
async def serving(folder: Path) -> AsyncGenerator[SecureShell]:
    """Run a server, with keys made for it, until the block ends."""
    server, keygen = require_program("sshd"), require_program("ssh-keygen")
    folder.mkdir()
    shell = SecureShell(folder, free_port())
    for name in ("host", "user"):
        await run(keygen, "-q", "-t", "ed25519", "-N", "", "-f", str(folder / name))
    (folder / "config").write_text(shell.config())
    if os.getuid() == 0:
        RUN.mkdir(mode=0o755, exist_ok=True)
    program = await RunningProgram.start("sshd", server, "-D", "-e", "-f", str(folder / "config"))
    try:
        await reachable(shell.port)
        yield shell
    finally:
        await program.stop()
