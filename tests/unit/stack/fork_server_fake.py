"""A fork server without processes: it remembers what it was asked, and children obey."""

import asyncio
import signal
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import cast

from stack.failure import StartFailed
from stack.processes import Child, ForkServerClient, Program


@dataclass
class ForkServerFake:
    """Children get pids from 1000 on; those named in *deaf* do not end when they are asked."""

    deaf: frozenset[str] = frozenset()
    exit_codes: dict[str, int] = field(default_factory=dict[str, int])
    started: list[Program] = field(default_factory=list[Program])
    events: list[str] = field(default_factory=list[str])
    has_ended: bool = False

    async def run(self, program: Program) -> Child:
        if self.has_ended:
            raise StartFailed("the fork server process has ended; its log says why")
        self.started.append(program)
        ended: asyncio.Future[int] = asyncio.get_running_loop().create_future()
        child = Child(program, 1000 + len(self.started), ended)
        if program.name in self.exit_codes:
            ended.set_result(self.exit_codes[program.name])
        return child

    def send(self, children: Iterable[Child], number: signal.Signals) -> None:
        self.events += [f"{number.name} {child.program.name}" for child in children]

    async def kill(self, children: Iterable[Child]) -> None:
        doomed = tuple(children)
        self.send(doomed, signal.SIGKILL)
        for child in doomed:
            child.ended.set_result(-signal.SIGKILL)

    async def stop(
        self, children: Iterable[Child], number: signal.Signals, patience_seconds: float
    ) -> tuple[Child, ...]:
        asked = tuple(child for child in children if child.is_running)
        self.send(asked, number)
        late = tuple(child for child in asked if child.program.name in self.deaf)
        for child in asked:
            child.ended.set_result(-signal.SIGKILL if child in late else 0)
        return late

    def as_client(self) -> ForkServerClient:
        return cast("ForkServerClient", self)
