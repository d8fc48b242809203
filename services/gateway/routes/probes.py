"""Which relays an endpoint should measure before its session is placed, and the leave to do so.

Nobody signs in for it: a customer has nothing to sign in with. An address may ask a few times a
minute, and is told the same few nodes each time.
"""

from fastapi import APIRouter
from pydantic import BaseModel

from services.gateway.core.probes import GUESSES, is_measured, ranked, to_probe
from services.gateway.routes.bodies import SmallBody
from services.gateway.routes.door import ClientAddress, Door, TheDoor
from services.gateway.routes.facts import EndpointFacts
from shared.domain.node import Side
from shared.events.selection import ClientFacts, ExplainSelection

router = APIRouter(prefix="/probes", tags=["sessions"], route_class=SmallBody)

EXPLAIN_SECONDS = 2.0


class ProbedNode(BaseModel):
    """A relay to measure, and where it listens."""

    node: str
    host: str
    port: int


class Probes(BaseModel):
    """What to measure with which ticket, and for how long a measurement counts; maybe nothing."""

    nodes: list[ProbedNode] = []
    ticket: str = ""
    good_for_seconds: float


@router.post("")
async def probes(
    door: TheDoor, address: ClientAddress, body: EndpointFacts | None = None
) -> Probes:
    """The relays that an endpoint should measure; none when the site goes by no latency."""
    now = door.clock.now()
    door.probes.require(address, now)
    door.probes.failed(address, now)
    selection = door.site().selection
    answer = Probes(good_for_seconds=selection.latency.maximum_age_seconds)
    if is_measured(selection, door.directory.overrides.values()):
        facts = (body or EndpointFacts()).as_facts(address, Side.CUSTOMER)
        answer.nodes = await _nodes(door, facts)
        answer.ticket = door.sessions.probe_ticket()
    return answer


async def _nodes(door: Door, facts: ClientFacts) -> list[ProbedNode]:
    question = ExplainSelection(client=facts, other=facts, methods=GUESSES)
    chosen = await door.publisher.ask(question, timeout_seconds=EXPLAIN_SECONDS)
    found = to_probe(ranked(chosen.explanation), door.directory.nodes)
    return [ProbedNode(node=each.node, host=each.host, port=each.port) for each in found]
