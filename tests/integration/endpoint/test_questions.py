"""What a person is asked on a terminal, and that nothing is written into it."""

import asyncio
import os
import signal
import sys
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from tests.integration.endpoint.world import World, world
from tests.integration.tunnel.site import IN_TIME, ROOT, SESSION, until

pytestmark = pytest.mark.integration

SAME_CODE = "Does your representative read you the same code"
QUIET_SECONDS = 0.5


class Terminal:
    """A terminal with one program on it, and what it shows."""

    def __init__(self, descriptor: int, process: asyncio.subprocess.Process) -> None:
        self.process = process
        self.text = ""
        self._descriptor = descriptor
        asyncio.get_running_loop().add_reader(descriptor, self._read)

    def type(self, text: str) -> None:
        os.write(self._descriptor, text.encode())

    async def shows(self, text: str) -> None:
        """Wait until the terminal shows *text*."""
        await until(lambda: text in self.text)

    async def close(self) -> None:
        if self.process.returncode is None:
            self.process.kill()
        await self.process.wait()
        asyncio.get_running_loop().remove_reader(self._descriptor)
        os.close(self._descriptor)

    def _read(self) -> None:
        try:
            self.text += os.read(self._descriptor, 1 << 16).decode()
        except OSError:  # the program has ended
            asyncio.get_running_loop().remove_reader(self._descriptor)


@asynccontextmanager
async def terminal(here: World, *arguments: str) -> AsyncGenerator[Terminal]:
    ours, theirs = os.openpty()
    command = (sys.executable, "-m", "clients.cli", *arguments)
    environment = {**here.programs.environment, "TERM": "dumb"}
    process = await asyncio.create_subprocess_exec(
        *command, cwd=ROOT, env=environment, stdin=theirs, stdout=theirs, stderr=theirs
    )
    os.close(theirs)
    shown = Terminal(ours, process)
    try:
        yield shown
    finally:
        await shown.close()


@asynccontextmanager
async def asked(here: World) -> AsyncGenerator[Terminal]:
    """A customer who agreed, and is asked for the code while the session is connected."""
    here.gateway.team = "desk"
    here.programs.save_credentials()
    async with terminal(here, "arrive", here.echo, "--at", "help") as shown:
        await shown.shows("Do you agree? [y/N] ")
        shown.type("y\n")
        connect = await here.programs.connect("--listen", "127.0.0.1:0", key=SESSION)
        await connect.event("connected")
        await shown.shows(SAME_CODE)
        await asyncio.sleep(QUIET_SECONDS)
        assert shown.text.endswith(" [y/N] "), "nothing is written into the question"
        yield shown


async def test_the_narration_waits_until_the_question_is_answered(tmp_path: Path) -> None:
    async with world(tmp_path) as here, asked(here) as shown:
        shown.type("y\n")
        await shown.shows("connected through node1")
        lines = shown.text.splitlines()
        (question,) = (line for line in lines if line.startswith(SAME_CODE))
        assert question.endswith("[y/N] y")
        assert lines.index(question) > next(i for i, each in enumerate(lines) if "compare" in each)
        shown.process.send_signal(signal.SIGINT)
        await shown.shows(f"ending your side of session {SESSION}; the other side is told")
        async with asyncio.timeout(IN_TIME):
            assert await shown.process.wait() == 0


async def test_an_interrupt_at_a_question_is_answered_on_a_line_of_its_own(tmp_path: Path) -> None:
    async with world(tmp_path) as here, asked(here) as shown:
        shown.process.send_signal(signal.SIGINT)
        await shown.shows("closed: closed by its user")
        async with asyncio.timeout(IN_TIME):
            assert await shown.process.wait() == 0
        lines = shown.text.splitlines()
        (question,) = (line for line in lines if line.startswith(SAME_CODE))
        assert question.endswith("[y/N] ")
        assert any(line.startswith("ending your side of session") for line in lines)
