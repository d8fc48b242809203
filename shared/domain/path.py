"""A session's path: one traffic node, one generation, and how to get there."""

from dataclasses import dataclass

from shared.domain.ids import NodeId, PathGeneration


@dataclass(frozen=True, slots=True)
class Path:
    """Where an endpoint connects for one generation of a session's path, and with what."""

    node: NodeId
    host: str
    port: int
    generation: PathGeneration
    ticket: str
