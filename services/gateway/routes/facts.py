"""What an endpoint says of itself, as the front door takes it: bounded, and believed by nobody.

Facts only rank nodes. What makes no sense is left out with a note, so that a machine with a broken
clock still gets its session.
"""

from services.gateway.core.access import Caller
from services.gateway.core.pins import require_traffic_node
from services.gateway.routes.door import Door
from shared.api.sessions import EndpointFacts, RepresentativeFacts
from shared.domain.errors import Unavailable
from shared.domain.ids import NodeId
from shared.domain.node import Side
from shared.events.selection import ClientFacts


def client_facts(facts: EndpointFacts, address: str, side: Side) -> ClientFacts:
    """The facts of the end at *side*; what makes no sense is left out, with a note."""
    told = facts.model_dump(include=set(EndpointFacts.model_fields))
    return ClientFacts.model_validate({**told, "address": address, "side": side})


async def pin_for(door: Door, caller: Caller, facts: RepresentativeFacts) -> NodeId | None:
    """The node that a session of *caller* is pinned to: asked for now, or the user's own.

    Raises:
        NotFound: there is no such traffic node.
    """
    if facts.node is not None:
        return require_traffic_node(door.directory.nodes, NodeId(facts.node))
    try:
        user = await door.accounts.user(caller.user)
    except Unavailable:
        return None
    return NodeId(user.pinned_node) if user is not None and user.pinned_node else None
