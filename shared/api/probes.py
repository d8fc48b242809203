"""The relays that an endpoint measures before its session is placed."""

from pydantic import Field, TypeAdapter

from shared.api.call import Call
from shared.api.model import ApiModel
from shared.api.sessions import EndpointFacts
from shared.domain.ids import NodeId


class ProbeTarget(ApiModel):
    """A relay to measure, and where it listens."""

    node: NodeId
    host: str
    port: int = Field(ge=0, le=65_535)


class ProbePlan(ApiModel):
    """The relays to measure, maybe none, the ticket, and how long a measurement stays good."""

    nodes: tuple[ProbeTarget, ...] = ()
    ticket: str = ""
    good_for_seconds: float


def probe_plan(facts: EndpointFacts, seconds: float) -> Call[ProbePlan]:
    """The relays to measure; none when the site does not go by latency."""
    return Call("POST", "/probes", TypeAdapter(ProbePlan), facts, seconds=seconds)
