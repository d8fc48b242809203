"""Restarts the processes of a site that end by themselves; kills and starts on an operator's order.

A process that was ended on purpose has left the process group and stays ended. Each end is reported
in one line: which process, its code or signal, where its log ends, and what happens next. A log
server that runs but is out is restarted too (`server_watch`).
"""

import asyncio
import signal
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import Final

from shared.runtime.clock import Clock, SystemClock
from shared.runtime.driver import Driver
from stack.failure import StartFailed
from stack.layout import NodeLayout
from stack.process_group import NATS, POSTGRES, ProcessGroup
from stack.processes import Child
from stack.restarts import (
    LOOP_PAUSE_SECONDS,
    Decision,
    NoMoreRestarts,
    Process,
    Restarts,
    Start,
    TryOn,
)
from stack.server_watch import ServerWatch
from stack.servers import wait_for_databases

DATABASE_SECONDS: Final = 30.0


class Supervisor:
    """Watches one process group at a time; *say* shows a line to the operator."""

    def __init__(self, say: Callable[[str], None], clock: Clock | None = None) -> None:
        self._say = say
        self._clock = clock or SystemClock()
        self._restarts = Restarts()
        self._driver = Driver(self._restarts, self._clock, self._perform)
        self._server_watch = ServerWatch(say, self._clock)
        self._processes: ProcessGroup | None = None

    def attach(self, processes: ProcessGroup) -> None:
        """Watch *processes* and no other: a start that begins anew makes a new process group."""
        for process in processes.members:
            self._restarts.forget(process)
        self._processes, processes.watcher = processes, self
        self._server_watch.attach(processes)

    async def run(self) -> None:
        """Restart what ends, and log servers that are out though they run, until cancelled.

        Raises:
            StartFailed: no process of the site can be started any more.
        """
        running = asyncio.gather(self._driver.run(), self._server_watch.run())
        try:
            await running
        finally:
            running.cancel()

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
        processes = self._require_processes()
        wanted = processes_of(processes.layout.node(node), service)
        running = [p for p in wanted if p in processes.members and processes.members[p].is_running]
        ended = [p for p in wanted if p in processes.members and p not in running]
        if not running and not ended:
            raise StartFailed(f"{node} does not run {service or 'anything'}")
        for process in wanted:
            self._restarts.forget(process)
        processes.forget(ended)
        await processes.kill([processes.members[process] for process in running])
        return tuple(map(name_of, (*running, *ended)))

    async def start(self, node: str, service: str | None) -> tuple[str, ...]:
        """Start what *node* does not run, or one *service* of it; its past ends do not count.

        Raises:
            StartFailed: there is no such node or service, it runs already, or cannot be started.
        """
        processes = self._require_processes()
        layout = processes.layout.node(node)
        absent = [
            process
            for process in processes_of(layout, service)
            if process not in processes.members or not processes.members[process].is_running
        ]
        if not absent:
            raise StartFailed(f"{node} runs {service or 'all that it should'} already")
        for process in absent:
            self._restarts.forget(process)
        for process in absent:
            await processes.start(layout, process[1])
            if process[1] == POSTGRES:
                await wait_for_databases(processes, [layout], DATABASE_SECONDS)
        return tuple(map(name_of, absent))

    def _require_processes(self) -> ProcessGroup:
        if self._processes is None:
            raise StartFailed("the site is still starting; try again")
        return self._processes

    def _ended(self, process: Process, child: Child, _: object) -> None:
        processes = self._processes
        if processes is None or processes.members.get(process) is not child:
            return
        decision = self._restarts.ended(process, child.exit_code, self._clock.now())
        is_news = not isinstance(decision, TryOn) or decision.is_first
        # When the fork server has ended, all of them have, and the next start reports it.
        if is_news and not processes.fork_server.has_ended:
            self._say(described(process, child.exit_code, child.program.log, decision))
        self._driver.wake()

    async def _perform(self, effects: Sequence[Start]) -> None:
        processes = self._require_processes()
        for effect in effects:
            node, service = effect.process
            ended = processes.members.get(effect.process)
            if ended is None or ended.is_running:
                continue  # an operator was faster
            try:
                await processes.start(processes.layout.node(node), service)
            except StartFailed as error:
                if processes.fork_server.has_ended:
                    raise
                decision = self._restarts.ended(effect.process, None, self._clock.now())
                if not isinstance(decision, TryOn) or decision.is_first:
                    self._say(f"{name_of(effect.process)} {error.message}; {next_of(decision)}")


def processes_of(node: NodeLayout, service: str | None = None) -> tuple[Process, ...]:
    """List the parts of *node* in the order in which they start; or *service* of it alone.

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
    """Describe in one line what ended, how, where its log ends, and what happens next."""
    return (
        f"{name_of(process)} {_describe_exit(exit_code)} ({_last_line(log)}); {next_of(decision)}"
    )


def next_of(decision: Decision) -> str:
    if isinstance(decision, NoMoreRestarts):
        return f"it is not started again: {decision.why}"
    if isinstance(decision, TryOn):
        return f"{decision.why}; it is tried again every {LOOP_PAUSE_SECONDS:g} s"
    return f"it is started again in {decision.seconds:g} s"


def _describe_exit(exit_code: int | None) -> str:
    if exit_code is None:
        return "ended"
    if exit_code >= 0:
        return f"ended with code {exit_code}"
    try:
        return f"was ended by {signal.Signals(-exit_code).name}"
    except ValueError:
        return f"was ended by signal {-exit_code}"


def _last_line(log: Path) -> str:
    """Return the place where the log ends, as an editor opens it."""
    try:
        with log.open("rb") as lines:
            return f"{log}:{sum(1 for _ in lines)}"
    except OSError:
        return "it has no log"
