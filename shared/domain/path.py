"""A session's path: one traffic node, one generation, and how to get there."""

from dataclasses import dataclass

from shared.domain.ids import NodeId, PathGeneration


@dataclass(frozen=True, slots=True)
class Path:
    """One generation of a session's path: where an endpoint connects, and with which ticket.

    Without a *node* the address is shared by all relays, and the one that it leads to says WAIT.
    """

    node: NodeId | None
    host: str
    port: int
    generation: PathGeneration
    ticket: str
