"""The supervisor's side of the fork server: starts programs, signals them and waits for them.

Everything here lives on one event loop. A `Child` knows how it ended as soon as the fork server has
reaped it; its pid is used for nothing but requests to the fork server, which signals only children
that it has not reaped.
"""

import asyncio
import contextlib
import itertools
import json
import os
import signal
import sys
from asyncio import subprocess
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from shared.decoding.fields import decode_mapping
from shared.decoding.jsontext import FILE
from stack.failure import StartFailed

PROJECT = Path(__file__).resolve().parent.parent
LINE_LIMIT_BYTES = 1 << 20


@dataclass(frozen=True)
class Program:
    """The program of a child: an executable, or a `main` that the fork server imported.

    *arguments* begins with the program's own name or path; *user* is a uid and gid to become.
    """

    name: str
    arguments: tuple[str, ...]
    environment: Mapping[str, str]
    log: Path
    folder: Path
    module: str | None = None
    user: tuple[int, int] | None = None

    def as_json(self) -> dict[str, Any]:
        return {
            "name": self.name,
            "arguments": list(self.arguments),
            "environment": dict(self.environment),
            "log": str(self.log),
            "folder": str(self.folder),
            "module": self.module,
            "user": self.user,
        }


@dataclass(eq=False)
class Child:
    """One process: its program, its pid and, once it has ended, its exit code."""

    program: Program
    pid: int
    ended: "asyncio.Future[int]"

    @property
    def is_running(self) -> bool:
        return not self.ended.done()

    @property
    def exit_code(self) -> int | None:
        """Return the exit code: None while it runs; negative: the signal that ended it."""
        return self.ended.result() if self.ended.done() else None

    async def wait(self) -> int:
        return await asyncio.shield(self.ended)


Birth = tuple[Program, "asyncio.Future[Child]"]
Importing = asyncio.Future[None]


@dataclass(eq=False)
class ForkServerClient:
    """A connection to a running fork server process."""

    process: subprocess.Process
    children: dict[int, Child] = field(default_factory=dict[int, Child])
    refused_imports: dict[str, str] = field(default_factory=dict[str, str])
    _starting: dict[int, Birth] = field(default_factory=dict[int, Birth])
    _importing: dict[str, Importing] = field(default_factory=dict[str, Importing])
    _numbers: Iterator[int] = field(default_factory=lambda: itertools.count(1))
    _reader: "asyncio.Task[None] | None" = None

    @classmethod
    async def start(cls, log: Path) -> "ForkServerClient":
        """Start the process; its own errors go to *log*."""
        path = os.pathsep.join((str(PROJECT), os.environ.get("PYTHONPATH", ""))).rstrip(os.pathsep)
        with log.open("ab") as errors:
            process = await subprocess.create_subprocess_exec(
                *(sys.executable, "-m", "stack.fork_server", str(os.getpid())),
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=errors,
                start_new_session=True,
                limit=LINE_LIMIT_BYTES,
                env={**os.environ, "PYTHONPATH": path},
            )
        fork_server = cls(process)
        fork_server._reader = asyncio.create_task(fork_server._read())
        return fork_server

    @property
    def has_ended(self) -> bool:
        """Say whether the process is gone, and every child of it."""
        return self._reader is None or self._reader.done()

    async def run(self, program: Program) -> Child:
        """Start *program*.

        Raises:
            StartFailed: it could not be started, or the fork server is gone.
        """
        number = next(self._numbers)
        born: asyncio.Future[Child] = asyncio.get_running_loop().create_future()
        self._starting[number] = (program, born)
        self._ask(do="start", id=number, program=program.as_json())
        return await born

    async def preload(self, modules: Iterable[str]) -> None:
        """Import *modules* and wait for it; those that fail are in `refused_imports`."""
        loop = asyncio.get_running_loop()
        wanted = {module: loop.create_future() for module in modules}
        self._importing.update(wanted)
        self._ask(do="import", modules=list(wanted))
        await asyncio.gather(*wanted.values())

    def send(self, children: Iterable[Child], number: signal.Signals) -> None:
        """Signal all of *children* at once; those that have ended are passed over."""
        pids = [child.pid for child in children if child.is_running]
        if pids:
            self._ask(do="signal", pids=pids, signal=number)

    async def kill(self, children: Iterable[Child]) -> None:
        """End *children* with SIGKILL, and what they started; return when they are reaped."""
        doomed = tuple(children)
        self.send(doomed, signal.SIGKILL)
        await asyncio.gather(*(child.wait() for child in doomed))

    async def stop(
        self, children: Iterable[Child], number: signal.Signals, patience_seconds: float
    ) -> tuple[Child, ...]:
        """End *children* with *number*, after *patience_seconds* with SIGKILL: these are returned.

        A frozen child is thawed first.
        """
        asked = tuple(children)
        if not asked:
            return ()
        self.send(asked, signal.SIGCONT)
        self.send(asked, number)
        waits = [asyncio.ensure_future(child.wait()) for child in asked]
        await asyncio.wait(waits, timeout=patience_seconds)
        late = tuple(child for child in asked if child.is_running)
        await self.kill(late)
        await asyncio.gather(*waits)
        return late

    def remove_at_end(self, folder: Path) -> None:
        """Have *folder* removed when the fork server ends, whatever ends it."""
        self._ask(do="remove", folder=str(folder))

    async def close(self) -> None:
        """Kill what is left, remove what is to be removed, end."""
        assert self.process.stdin is not None, "the fork server reads a pipe"
        self.process.stdin.close()
        with contextlib.suppress(BrokenPipeError, ConnectionResetError):
            await self.process.stdin.wait_closed()
        await self.process.wait()
        if self._reader is not None:
            await self._reader

    def _ask(self, **request: object) -> None:
        assert self.process.stdin is not None, "the fork server reads a pipe"
        if self.process.returncode is not None or self.has_ended:
            raise StartFailed("the fork server process has ended; its log says why")
        self.process.stdin.write(json.dumps(request).encode() + b"\n")

    async def _read(self) -> None:
        assert self.process.stdout is not None, "the fork server writes to a pipe"
        assert self.process.stdin is not None, "the fork server reads a pipe"
        try:
            while line := await self.process.stdout.readline():
                self._note(decode_mapping(line, "notice", FILE))
        finally:
            self.process.stdin.close()  # the fork server ends its children, and itself
            self._give_up()

    def _note(self, notice: dict[str, Any]) -> None:
        match notice:
            case {"started": int(number), "pid": int(pid)}:
                program, born = self._starting.pop(number)
                ended: asyncio.Future[int] = asyncio.get_running_loop().create_future()
                child = self.children[pid] = Child(program, pid, ended)
                if not born.done():
                    born.set_result(child)
            case {"failed": int(number), "why": str(why)}:
                program, born = self._starting.pop(number)
                if not born.done():
                    born.set_exception(StartFailed(f"{program.name} cannot start: {why}"))
            case {"exited": int(pid), "code": int(code)}:
                self.children.pop(pid).ended.set_result(code)
            case {"imported": str(module), "why": why}:
                self._note_import(module, why)
            case _:
                raise AssertionError(f"unknown notice {notice!r}")

    def _note_import(self, module: str, why: str | None) -> None:
        if why is not None:
            self.refused_imports[module] = why
        imported = self._importing.pop(module)
        if not imported.done():
            imported.set_result(None)

    def _give_up(self) -> None:
        """Fail every wait: the fork server has ended, and every child with it."""
        failure = StartFailed("the fork server process has ended; its log says why")
        for _, born in self._starting.values():
            if not born.done():
                born.set_exception(failure)
        for imported in self._importing.values():
            if not imported.done():
                imported.set_exception(failure)
        for child in self.children.values():
            child.ended.set_result(-signal.SIGKILL)
        self.children.clear()
