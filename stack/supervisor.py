"""Starts again what ended by itself, while `meridian up` runs a site; and kills when it is told to.

What ended on purpose is not in the crew any more, and stays ended. Each end is told in a line:
which process, by which code or signal, where its log ends, and what happens next.
"""

import signal
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import Final

from shared.runtime.clock import Clock, SystemClock
from shared.runtime.driver import Driver
from stack.crew import NATS, POSTGRES, Crew
from stack.failure import StartFailed
from stack.layout import NodeLayout
from stack.processes import Child
from stack.restarts import Decision, GivenUp, Process, Restarts, Start
from stack.servers import wait_for_databases

DATABASE_SECONDS: Final = 30.0


class Supervisor:
    """The watcher of one crew at a time; *say* shows a line to whoever runs the site."""

    def __init__(self, say: Callable[[str], None], clock: Clock | None = None) -> None:
        self._say = say
        self._clock = clock or SystemClock()
        self._restarts = Restarts()
        self._driver = Driver(self._restarts, self._clock, self._perform)
        self._crew: Crew | None = None

    def attach(self, crew: Crew) -> None:
        """Watch *crew*, and no other any more: a start that begins anew has a crew of its own."""
        for process in crew.members:
            self._restarts.forget(process)
        self._crew, crew.watcher = crew, self

    async def run(self) -> None:
        """Start again what ended, for ever.

        Raises:
            StartFailed: no process of the site can be started any more.
        """
        await self._driver.run()

    def started(self, process: Process, child: Child) -> None:
        child.ended.add_done_callback(partial(self._ended, process, child))

    def given_up(self, process: Process) -> str:
        return self._restarts.given_up(process)

    def restarts(self, process: Process) -> int:
        return self._restarts.count(process)

    def say(self, line: str) -> None:
        self._say(line)

    async def kill(self, node: str, service: str | None) -> tuple[str, ...]:
        """Kill what *node* runs, or one *service* of it; nothing of that is started again.

        Raises:
            StartFailed: there is no such node or service, or it does not run.
        """
        crew = self._require_crew()
        wanted = processes_of(crew.layout.node(node), service)
        running = [p for p in wanted if p in crew.members and crew.members[p].is_running]
        ended = [p for p in wanted if p in crew.members and p not in running]
        if not running and not ended:
            raise StartFailed(f"{node} does not run {service or 'anything'}")
        for process in wanted:
            self._restarts.forget(process)
        crew.forget(ended)
        await crew.kill([crew.members[process] for process in running])
        return tuple(map(name_of, (*running, *ended)))

    async def start(self, node: str, service: str | None) -> tuple[str, ...]:
        """Start what *node* does not run, or one *service* of it; its past ends do not count.

        Raises:
            StartFailed: there is no such node or service, it runs already, or cannot be started.
        """
        crew = self._require_crew()
        layout = crew.layout.node(node)
        absent = [
            process
            for process in processes_of(layout, service)
            if process not in crew.members or not crew.members[process].is_running
        ]
        if not absent:
            raise StartFailed(f"{node} runs {service or 'all that it should'} already")
        for process in absent:
            self._restarts.forget(process)
        for process in absent:
            await crew.start(layout, process[1])
            if process[1] == POSTGRES:
                await wait_for_databases(crew, [layout], DATABASE_SECONDS)
        return tuple(map(name_of, absent))

    def _require_crew(self) -> Crew:
        if self._crew is None:
            raise StartFailed("the site is not that far yet; try again")
        return self._crew

    def _ended(self, process: Process, child: Child, _: object) -> None:
        crew = self._crew
        if crew is None or crew.members.get(process) is not child:
            return
        decision = self._restarts.ended(process, child.exit_code, self._clock.now())
        if not crew.nursery.has_ended:  # else all of them have, and the next start says so
            self._say(described(process, child.exit_code, child.program.log, decision))
        self._driver.wake()

    async def _perform(self, effects: Sequence[Start]) -> None:
        crew = self._require_crew()
        for effect in effects:
            node, service = effect.process
            ended = crew.members.get(effect.process)
            if ended is None or ended.is_running:
                continue  # an operator was faster
            try:
                await crew.start(crew.layout.node(node), service)
            except StartFailed as error:
                if crew.nursery.has_ended:
                    raise
                decision = self._restarts.ended(effect.process, None, self._clock.now())
                self._say(f"{name_of(effect.process)} {error.message}; {next_of(decision)}")


def processes_of(node: NodeLayout, service: str | None = None) -> tuple[Process, ...]:
    """What *node* consists of, in the order in which it is started; or *service* of it alone.

    Raises:
        StartFailed: *node* has no such service.
    """
    servers = ((NATS,) if node.nats else ()) + ((POSTGRES,) if node.postgres else ())
    names = (*servers, *node.services)
    if service is not None and service not in names:
        raise StartFailed(f"{node.name} has no {service!r}: {', '.join(names)}")
    return tuple((str(node.name), each) for each in names if service in (None, each))


def name_of(process: Process) -> str:
    return ".".join(process)


def described(process: Process, exit_code: int | None, log: Path, decision: Decision) -> str:
    """One line: what ended, how, where its log ends, and what happens next."""
    return f"{name_of(process)} {_how(exit_code)} ({_last_line(log)}); {next_of(decision)}"


def next_of(decision: Decision) -> str:
    if isinstance(decision, GivenUp):
        return f"it is not started again: {decision.why}"
    return f"it is started again in {decision.seconds:g} s"


def _how(exit_code: int | None) -> str:
    if exit_code is None:
        return "ended"
    if exit_code >= 0:
        return f"ended with code {exit_code}"
    try:
        return f"was ended by {signal.Signals(-exit_code).name}"
    except ValueError:
        return f"was ended by signal {-exit_code}"


def _last_line(log: Path) -> str:
    """Where the log ends, as an editor opens it."""
    try:
        with log.open("rb") as lines:
            return f"{log}:{sum(1 for _ in lines)}"
    except OSError:
        return "it has no log"
