"""The real programs of the demonstration, and the two ends of each session."""

import asyncio
import contextlib
import hashlib
import os
import signal
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from shared.decoding.fields import decode_mapping

PATIENCE_SECONDS = 30.0
BLOCK_BYTES = 1 << 20


@dataclass
class RunningProgram:
    """A child process whose standard output is read line by line."""

    name: str
    process: asyncio.subprocess.Process
    lines: list[str] = field(default_factory=list[str])
    _changed: asyncio.Condition = field(default_factory=asyncio.Condition)
    _reader: asyncio.Task[None] | None = None

    @staticmethod
    async def start(
        name: str,
        *command: str,
        env: Mapping[str, str] | None = None,
        as_user: tuple[int, int] | None = None,
    ) -> "RunningProgram":
        """Start *command*, with *env* added to ours, as ourselves or *as_user* (uid, gid)."""
        uid, gid = as_user or (None, None)
        process = await asyncio.create_subprocess_exec(
            *command,
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.STDOUT,
            env={**os.environ, **(env or {})},
            user=uid,
            group=gid,
            extra_groups=[] if as_user else None,
            cwd="/" if as_user else None,
        )
        program = RunningProgram(name, process)
        program._reader = asyncio.create_task(program._read())
        return program

    async def wait_for(self, wanted: str) -> dict[str, Any]:
        """The first JSON line whose `event` is *wanted*.

        Raises:
            RuntimeError: the program ended, or did not print it in time.
        """

        def found() -> dict[str, Any] | None:
            return next((each for each in self.events() if each.get("event") == wanted), None)

        async with self._changed:
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(
                    self._changed.wait_for(lambda: found() or self.process.returncode is not None),
                    PATIENCE_SECONDS,
                )
        event = found()
        if event is None:
            raise RuntimeError(
                f"{self.name} never printed {wanted!r}; it printed: {self.lines[-5:]}"
            )
        return event

    def events(self) -> list[dict[str, Any]]:
        return [decode_mapping(line, "event") for line in self.lines if line.startswith("{")]

    async def finished(self) -> tuple[int, str]:
        """Wait for the end; give the exit code and the whole output."""
        assert self._reader is not None, "a program is read from its start"
        await self._reader
        return await self.process.wait(), "\n".join(self.lines)

    async def stop(self) -> None:
        if self.process.returncode is None:
            self.process.send_signal(signal.SIGTERM)
            try:
                await asyncio.wait_for(self.process.wait(), PATIENCE_SECONDS)
            except TimeoutError:
                self.process.kill()
        await self.finished()

    async def _read(self) -> None:
        assert self.process.stdout is not None, "standard output is a pipe"
        while line := await self.process.stdout.readline():
            async with self._changed:
                self.lines.append(line.decode(errors="replace").rstrip())
                self._changed.notify_all()
        await self.process.wait()
        async with self._changed:
            self._changed.notify_all()


def meridian(*arguments: str) -> tuple[str, ...]:
    """The command line that runs the program people run."""
    return (sys.executable, "-m", "clients.cli", *arguments)


async def run(
    *command: str, env: Mapping[str, str] | None = None, as_user: tuple[int, int] | None = None
) -> str:
    """Run *command* to its end and give what it printed.

    Raises:
        RuntimeError: it failed; the message holds its output.
    """
    program = await RunningProgram.start(command[0], *command, env=env, as_user=as_user)
    code, output = await program.finished()
    if code != 0:
        raise RuntimeError(f"{' '.join(command)} ended with {code}: {output}")
    return output


def make_file(path: Path, size_bytes: int) -> str:
    """Fill *path* with bytes that do not compress, and give their SHA-256."""
    checksum = hashlib.sha256()
    block = os.urandom(BLOCK_BYTES)
    with path.open("wb") as file:
        for number in range(size_bytes // BLOCK_BYTES):
            piece = number.to_bytes(8, "big") + block[8:]
            file.write(piece)
            checksum.update(piece)
    return checksum.hexdigest()
