"""What runs and how it fares, asked of the processes themselves; for those who show a site."""

import asyncio
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from stack import readiness
from stack.crew import NATS, POSTGRES, Crew
from stack.layout import NodeLayout

READY: Final = 200


class State(StrEnum):
    """A process as it shows itself: *running* is one that has no health to ask for."""

    ABSENT = "absent"
    STARTING = "starting"
    RUNNING = "running"
    READY = "ready"
    ENDED = "ended"


@dataclass(frozen=True)
class ProcessStatus:
    """One process of a node; *pid* is 0 before it starts."""

    service: str
    pid: int
    state: State


@dataclass(frozen=True)
class NodeStatus:
    """One node and its processes, servers first."""

    node: NodeLayout
    processes: tuple[ProcessStatus, ...]


async def survey(crew: Crew) -> tuple[NodeStatus, ...]:
    """Look at every process once."""
    return tuple(await asyncio.gather(*(_node(crew, node) for node in crew.layout.nodes)))


async def _node(crew: Crew, node: NodeLayout) -> NodeStatus:
    health = {
        **({NATS: (node.nats.monitor, "/healthz")} if node.nats else {}),
        **({POSTGRES: None} if node.postgres else {}),
        **{service: (port, "/readyz") for service, port in node.services.items()},
    }
    asked = (_process(crew, node, service, where) for service, where in health.items())
    return NodeStatus(node, tuple(await asyncio.gather(*asked)))


async def _process(
    crew: Crew, node: NodeLayout, service: str, where: tuple[int, str] | None
) -> ProcessStatus:
    child = crew.members.get((node.name, service))
    if child is None:
        return ProcessStatus(service, 0, State.ABSENT)
    if not child.is_running:
        return ProcessStatus(service, child.pid, State.ENDED)
    if where is None:
        return ProcessStatus(service, child.pid, State.RUNNING)
    is_ready = (await readiness.get(*where)).status == READY
    return ProcessStatus(service, child.pid, State.READY if is_ready else State.STARTING)
