"""Asks the log servers of a site how they are, and restarts those that are out though they run."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import replace
from typing import Final

from shared.runtime.clock import Clock
from stack import nats
from stack.failure import StartFailed
from stack.layout import Layout
from stack.process_group import NATS, ProcessGroup
from stack.readiness import ProbeAnswer, get
from stack.server_health import (
    DiskIsFull,
    RestartServer,
    ServerAnswer,
    ServerCondition,
    ServerEffect,
    ServerHealth,
    ServerMended,
)

POLL_SECONDS: Final = 2.0
READY: Final = 200
ROOM_BYTES: Final = 8 << 20
"""A server that starts on a disk with less ends at once, or is out again with its next write."""

OUT_WORDS: Final = ("not enabled", "write error")
"""What a server that must be restarted says of itself; all else that is wrong mends itself."""

Ask = Callable[[int, str], Awaitable[ProbeAnswer]]
"""Asks the server that is monitored at a port."""


class ServerWatch:
    """Watches the log servers of one process group at a time; *say* shows a line to people."""

    def __init__(self, say: Callable[[str], None], clock: Clock, ask: Ask = get) -> None:
        self._say = say
        self._clock = clock
        self._ask = ask
        self._health = ServerHealth()
        self._processes: ProcessGroup | None = None

    def attach(self, processes: ProcessGroup) -> None:
        """Watch *processes* and no other."""
        self._processes, self._health = processes, ServerHealth()

    async def run(self) -> None:
        """Ask every two seconds, until cancelled.

        Raises:
            StartFailed: no process of the site can be started any more.
        """
        while True:
            if self._processes is not None:
                await self._check(self._processes)
            await asyncio.sleep(POLL_SECONDS)

    async def _check(self, processes: ProcessGroup) -> None:
        ports = {
            str(node.name): node.nats.monitor for node in processes.layout.servers if node.nats
        }
        answers = await asyncio.gather(*(self._ask_one(processes, *each) for each in ports.items()))
        if processes is not self._processes:
            return  # the site began anew meanwhile
        found = dict(zip(ports, answers, strict=True))
        for effect in self._health.record_round(found, self._clock.now()):
            await self._perform(processes, effect)

    async def _ask_one(self, processes: ProcessGroup, node: str, port: int) -> ServerAnswer | None:
        child = processes.members.get((node, NATS))
        if child is None or not child.is_running:
            return None
        answer = await self._ask(port, "/healthz")
        return replace(read_health(child.pid, answer), has_room=has_room(processes.layout, node))

    async def _perform(self, processes: ProcessGroup, effect: ServerEffect) -> None:
        match effect:
            case ServerMended(node):
                self._say(f"{node}.{NATS} is well again")
            case DiskIsFull(node, cause):
                self._say(
                    f"{node}.{NATS} runs, but is out ({cause}), and its disk is full: free some "
                    "space; the server is restarted as soon as there is room"
                )
            case RestartServer(node, cause, is_first):
                if is_first:
                    self._say(
                        f"{node}.{NATS} runs, but is out ({cause}): it is restarted, and again at "
                        "growing intervals until it is well"
                    )
                await self._restart(processes, node)

    async def _restart(self, processes: ProcessGroup, node: str) -> None:
        try:
            await processes.restart(processes.layout.node(node), NATS)
        except StartFailed as error:
            if processes.fork_server.has_ended:
                raise
            self._say(f"{node}.{NATS} {error.message}")


def has_room(layout: Layout, node: str) -> bool:
    """Say whether the disk of the node's server has room, as far as it can be seen."""
    try:
        return nats.free_bytes(layout, layout.node(node)) >= ROOM_BYTES
    except OSError:
        return True


def read_health(pid: int, answer: ProbeAnswer) -> ServerAnswer:
    """Read what the server that runs as *pid* answered to `/healthz`."""
    cause = str(answer.body.get("error", ""))
    if answer.status == READY:
        return ServerAnswer(pid, ServerCondition.WELL)
    if answer.status == 0:
        return ServerAnswer(pid, ServerCondition.SILENT, "it does not answer")
    is_out = any(words in cause for words in OUT_WORDS)
    return ServerAnswer(pid, ServerCondition.OUT if is_out else ServerCondition.BUSY, cause)
