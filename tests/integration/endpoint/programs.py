"""`meridian share` and `meridian connect` as people start them: processes, and what they print."""

import asyncio
import contextlib
import json
import os
import signal
import sys
from collections.abc import AsyncGenerator
from pathlib import Path
from typing import Any

from shared.domain.node import Side
from tests.integration.endpoint.gateway import FakeGateway
from tests.integration.tunnel.site import IN_TIME, ROOT, SESSION

KEY = f"{SESSION}-lusab-rodim"


class Program:
    """One running command."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self.process = process
        self.events: list[dict[str, Any]] = []

    async def event(self, name: str) -> dict[str, Any]:
        """The next event called *name*."""
        assert self.process.stdout is not None
        async with asyncio.timeout(IN_TIME):
            while line := await self.process.stdout.readline():
                self.events.append(json.loads(line))
                if self.events[-1]["event"] == name:
                    return self.events[-1]
        raise AssertionError(f"no {name!r} among {self.events}, {await self.complaint()}")

    async def complaint(self) -> str:
        """What it says on standard error, to the end."""
        assert self.process.stderr is not None
        async with asyncio.timeout(IN_TIME):
            return (await self.process.stderr.read()).decode()

    async def exit_code(self) -> int:
        async with asyncio.timeout(IN_TIME):
            await self.process.communicate()
        assert self.process.returncode is not None
        return self.process.returncode

    def interrupt(self) -> None:
        self.process.send_signal(signal.SIGINT)


class Programs:
    """Starts commands against one gateway, and ends what is left."""

    def __init__(self, gateway: FakeGateway, home: Path) -> None:
        self._gateway = gateway
        self._home = home
        self._running: list[asyncio.subprocess.Process] = []
        folder = home / "sessions"
        folder.mkdir(parents=True)
        self._credentials = folder / f"{SESSION}.json"
        self.save_credentials()

    async def share(self, address: str, *more: str, key: str = KEY) -> Program:
        return await self.start("share", address, "--key", key, "--json", *more)

    async def connect(self, *more: str, key: str = KEY) -> Program:
        return await self.start("connect", "--key", key, "--json", *more)

    def save_credentials(self) -> None:
        """Save what the gateway gives to the representative now."""
        credentials = json.dumps(self._gateway.credentials(Side.REPRESENTATIVE))
        self._credentials.write_text(credentials)

    @property
    def environment(self) -> dict[str, str]:
        """The variables of somebody who works with the gateway."""
        return {
            **{name: value for name, value in os.environ.items() if "MERIDIAN" not in name},
            "MERIDIAN_HOME": str(self._home),
            "MERIDIAN_SITE": self._gateway.url,
            "NO_PROXY": "127.0.0.1",
        }

    async def start(self, *arguments: str, stdout: int = asyncio.subprocess.PIPE) -> Program:
        """Start a command; its standard streams are pipes, unless *stdout* is another one."""
        pipe = asyncio.subprocess.PIPE
        process = await asyncio.create_subprocess_exec(
            sys.executable,
            *("-m", "clients.cli", *arguments),
            cwd=ROOT,
            env=self.environment,
            stdin=pipe,
            stdout=stdout,
            stderr=pipe,
        )
        self._running.append(process)
        return Program(process)

    async def end(self) -> None:
        for process in self._running:
            with contextlib.suppress(ProcessLookupError):
                process.kill()
            await process.communicate()


@contextlib.asynccontextmanager
async def programs(gateway: FakeGateway, home: Path) -> AsyncGenerator[Programs]:
    started = Programs(gateway, home)
    try:
        yield started
    finally:
        await started.end()
