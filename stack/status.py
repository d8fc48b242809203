"""Asks the processes themselves what runs and how it fares, for those who show a site."""

import asyncio
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from stack import readiness
from stack.layout import NodeLayout
from stack.process_group import NATS, POSTGRES, ProcessGroup
from stack.processes import Child

READY: Final = 200


class ProcessState(StrEnum):
    """A process as it shows itself: *running* is one that has no health to ask for."""

    ABSENT = "absent"
    STARTING = "starting"
    RUNNING = "running"
    READY = "ready"
    ENDED = "ended"


@dataclass(frozen=True)
class ProcessStatus:
    """One process of a node; *pid* is 0 before it starts.

    *restarts* counts how often it was started again, *given_up* says why it is not any more.
    """

    service: str
    pid: int
    state: ProcessState
    restarts: int = 0
    given_up: str = ""


@dataclass(frozen=True)
class NodeProcesses:
    """One node and its processes, servers first."""

    node: NodeLayout
    processes: tuple[ProcessStatus, ...]


async def survey(processes: ProcessGroup) -> tuple[NodeProcesses, ...]:
    """Look at every process once."""
    return tuple(await asyncio.gather(*(_node(processes, node) for node in processes.layout.nodes)))


async def _node(processes: ProcessGroup, node: NodeLayout) -> NodeProcesses:
    health = {
        **({NATS: (node.nats.monitor, "/healthz")} if node.nats else {}),
        **({POSTGRES: None} if node.postgres else {}),
        **{service: (port, "/readyz") for service, port in node.services.items()},
    }
    asked = (_process_status(processes, node, service, where) for service, where in health.items())
    return NodeProcesses(node, tuple(await asyncio.gather(*asked)))


async def _process_status(
    processes: ProcessGroup, node: NodeLayout, service: str, where: tuple[int, str] | None
) -> ProcessStatus:
    process = (str(node.name), service)
    child, watcher = processes.members.get(process), processes.watcher
    return ProcessStatus(
        service,
        0 if child is None else child.pid,
        await _state(child, where),
        0 if watcher is None else watcher.restarts(process),
        "" if watcher is None else watcher.given_up(process),
    )


async def _state(child: Child | None, where: tuple[int, str] | None) -> ProcessState:
    if child is None:
        return ProcessState.ABSENT
    if not child.is_running:
        return ProcessState.ENDED
    if where is None:
        return ProcessState.RUNNING
    is_ready = (await readiness.get(*where)).status == READY
    return ProcessState.READY if is_ready else ProcessState.STARTING
