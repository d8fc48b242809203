"""The ticket that admits one side of a session to one path through one relay.

A relay needs nothing but the ticket and its own state.
"""

from dataclasses import dataclass

from shared.domain.ids import NodeId, PathGeneration, SessionId, UnixMillis
from shared.domain.node import Side


@dataclass(frozen=True, slots=True)
class TicketLimits:
    """The limits that a relay sets one path; 0 is "no limit"."""

    bytes_per_second: int = 0
    idle_seconds: int = 0


@dataclass(frozen=True, slots=True)
class Ticket:
    """Permits carrying *side* of *session* through *node*, as path *generation*, until *expires*.

    Without a *node* any relay admits it: the network behind the site's shared address chooses one.
    Alone it opens nothing: the other side's ticket for that path always names a node.
    """

    session: SessionId
    side: Side
    node: NodeId | None
    generation: PathGeneration
    expires: UnixMillis
    limits: TicketLimits = TicketLimits()
