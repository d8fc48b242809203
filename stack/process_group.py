"""Keeps the running processes of a site: every server and service by node and name.

It starts, kills, freezes and stops them; it does not know in which order a site needs them.
"""

import asyncio
import signal
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final, Protocol

from stack import nats, postgres
from stack.binaries import Postgres
from stack.environment import environment
from stack.failure import StartFailed
from stack.layout import Layout, NodeLayout
from stack.processes import Child, ForkServerClient, Program
from stack.restarts import Process

NATS: Final = "nats"
POSTGRES: Final = "postgres"
PATIENCE_SECONDS: Final = 10.0


class Watcher(Protocol):
    """Starts a process again that ended by itself; most sites have none."""

    def started(self, process: Process, child: Child) -> None: ...

    def given_up(self, process: Process) -> str:
        """Say why *process* is not started again; empty while it is, or need not be."""
        ...

    def restarts(self, process: Process) -> int: ...

    def say(self, line: str) -> None: ...


@dataclass(eq=False)
class ProcessGroup:
    """The children by (node, service); one that was ended on purpose is not in it."""

    layout: Layout
    fork_server: ForkServerClient
    nats_server: Path
    postgres: Postgres
    members: dict[Process, Child] = field(default_factory=dict[Process, Child])
    watcher: Watcher | None = None

    async def start(self, node: NodeLayout, service: str) -> Child:
        """Start one process.

        Raises:
            StartFailed: it runs already, or could not be born.
        """
        key = (str(node.name), service)
        if key in self.members and self.members[key].is_running:
            raise StartFailed(f"{node.name}.{service} is running already")
        return await self._start(key, self._prepare(node, service))

    async def restart(self, node: NodeLayout, service: str) -> Child:
        """End one process in good order, or by force, and start it again.

        Raises:
            StartFailed: it does not run, or what it needs cannot be written; then it runs on. Or it
                could not be born.
        """
        key = (str(node.name), service)
        running = self.of(node.name, service)
        program = self._prepare(node, service)
        await self._stop(running, signal.SIGTERM)
        if key in self.members:
            return self.members[key]  # an operator was faster
        return await self._start(key, program)

    def _prepare(self, node: NodeLayout, service: str) -> Program:
        """Write what a process needs.

        Raises:
            StartFailed: the disk takes nothing.
        """
        try:
            if service == POSTGRES:
                postgres.remove_stale_pid_file(self.layout, node)
            return self.program(node, service)
        except OSError as error:
            reason = error.strerror or str(error)
            raise StartFailed(f"cannot start: {error.filename or 'its files'}: {reason}") from error

    async def _start(self, key: Process, program: Program) -> Child:
        child = self.members[key] = await self.fork_server.run(program)
        if self.watcher is not None:
            self.watcher.started(key, child)
        return child

    def program(self, node: NodeLayout, service: str) -> Program:
        match service:
            case "nats":
                return nats.program(self.layout, node, self.nats_server)
            case "postgres":
                return postgres.program(self.layout, node, self.postgres)
            case _:
                return self.service_program(node, service, ())

    def service_program(
        self, node: NodeLayout, service: str, arguments: tuple[str, ...]
    ) -> Program:
        """Say how a service, or one of its verbs, is run."""
        return Program(
            name=f"{node.name}.{service}",
            arguments=(service, *arguments),
            environment=environment(self.layout, node, service),
            log=self.layout.log(node.name, service),
            folder=self.layout.node_folder(node.name),
            module=f"services.{service}.__main__",
        )

    def of(self, node: str, *services: str) -> tuple[Child, ...]:
        """The running children of *node*, or those of *services* only.

        Raises:
            StartFailed: no such process runs.
        """
        self.layout.node(node)
        found = tuple(
            child
            for (owner, service), child in self.members.items()
            if owner == node and (not services or service in services) and child.is_running
        )
        if services and len(found) < len(services):
            raise StartFailed(f"{node} does not run {' and '.join(services)}")
        return found

    def running(self) -> tuple[Child, ...]:
        return tuple(child for child in self.members.values() if child.is_running)

    def forget(self, processes: Iterable[Process]) -> None:
        """Let those of *processes* that have ended be as if they had been ended on purpose."""
        for process in processes:
            if process in self.members and not self.members[process].is_running:
                del self.members[process]

    async def kill(self, children: Iterable[Child]) -> None:
        """End *children* all at once, as a power cut does."""
        doomed = tuple(children)
        self._forget(doomed)
        await self.fork_server.kill(doomed)

    async def stop(self) -> tuple[Child, ...]:
        """End everything in good order, what was frozen too; give those that had to be killed."""
        self.fork_server.send(self.running(), signal.SIGCONT)
        services = self._named(lambda service: service not in (NATS, POSTGRES))
        late = await self._stop(services, signal.SIGTERM)
        databases = self._stop(self._named(lambda service: service == POSTGRES), signal.SIGINT)
        brokers = self._stop(self._named(lambda service: service == NATS), signal.SIGTERM)
        for each in await asyncio.gather(databases, brokers):
            late += each
        return late

    async def _stop(self, children: tuple[Child, ...], number: signal.Signals) -> tuple[Child, ...]:
        self._forget(children)
        return await self.fork_server.stop(children, number, PATIENCE_SECONDS)

    def _named(self, wanted: Callable[[str], bool]) -> tuple[Child, ...]:
        return tuple(child for (_, service), child in self.members.items() if wanted(service))

    def _forget(self, children: tuple[Child, ...]) -> None:
        gone = {id(child) for child in children}
        self.members = {key: each for key, each in self.members.items() if id(each) not in gone}
