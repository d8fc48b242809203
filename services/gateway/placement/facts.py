"""What an endpoint says of itself, as the front door takes it: bounded, and believed by nobody.

Facts only rank nodes. What makes no sense is left out with a note, so that a machine with a broken
clock still gets its session.
"""

from typing import Final

from pydantic import BaseModel, Field

from shared.domain.ids import NODE_ID_PATTERN
from shared.domain.node import Side
from shared.events.selection import ClientFacts

MOST_MEASUREMENTS: Final = 64


class EndpointFacts(BaseModel):
    """What an endpoint says of itself; nothing in it is trusted further than to rank nodes.

    *latency_ages_seconds* says how long ago something was measured, *last_node* by which node its
    session before went.
    """

    utc_offset_minutes: float | None = None
    latencies_ms: dict[str, float] = Field(default_factory=dict, max_length=MOST_MEASUREMENTS)
    latency_ages_seconds: dict[str, float] = Field(
        default_factory=dict, max_length=MOST_MEASUREMENTS
    )
    last_node: str | None = Field(default=None, pattern=f"^{NODE_ID_PATTERN}$")

    def as_facts(self, address: str, side: Side) -> ClientFacts:
        """The facts of the end at *side*; what makes no sense is left out, with a note."""
        told = self.model_dump(include=set(EndpointFacts.model_fields))
        return ClientFacts.model_validate({**told, "address": address, "side": side})


class RepresentativeFacts(EndpointFacts):
    """The same of a representative, who may ask for one *node*."""

    node: str | None = Field(default=None, max_length=63)
