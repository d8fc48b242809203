"""Reads the facts that an endpoint reports about itself: bounded, and trusted by nobody.

Facts only rank nodes. A value that makes no sense is left out with a note, so that a machine with a
broken clock still gets its session.
"""

from shared.api.sessions import EndpointFacts
from shared.domain.node import Side
from shared.events.selection import ClientFacts


def client_facts(facts: EndpointFacts, address: str, side: Side) -> ClientFacts:
    """Make the facts of the end at *side*; a value that makes no sense is left out, with a note."""
    values = facts.model_dump(include=set(EndpointFacts.model_fields))
    return ClientFacts.model_validate({**values, "address": address, "side": side})
