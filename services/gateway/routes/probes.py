"""Which relays an endpoint should measure before its session is placed, and the leave to do so.

Nobody signs in for it: a customer has nothing to sign in with. An address may ask a few times a
minute, and is told the same few nodes each time.
"""

from fastapi import APIRouter

from services.gateway.core.probes import GUESSES, is_measured, ranked, to_probe
from services.gateway.routes.bodies import SmallBody
from services.gateway.routes.door import ClientAddress, Door, TheDoor
from services.gateway.routes.facts import client_facts
from shared.api.probes import ProbePlan, ProbeTarget
from shared.api.sessions import EndpointFacts
from shared.domain.node import Side
from shared.events.selection import ClientFacts, ExplainSelection

router = APIRouter(prefix="/probes", tags=["sessions"], route_class=SmallBody)

EXPLAIN_SECONDS = 2.0


@router.post("")
async def probes(
    door: TheDoor, address: ClientAddress, body: EndpointFacts | None = None
) -> ProbePlan:
    """The relays that an endpoint should measure; none when the site goes by no latency."""
    now = door.clock.now()
    door.probes.require(address, now)
    door.probes.failed(address, now)
    selection = door.site().selection
    good_for = selection.latency.maximum_age_seconds
    if not is_measured(selection, door.directory.overrides.values()):
        return ProbePlan(good_for_seconds=good_for)
    nodes = await _nodes(door, client_facts(body or EndpointFacts(), address, Side.CUSTOMER))
    ticket = door.sessions.probe_ticket()
    return ProbePlan(nodes=nodes, ticket=ticket, good_for_seconds=good_for)


async def _nodes(door: Door, facts: ClientFacts) -> tuple[ProbeTarget, ...]:
    question = ExplainSelection(client=facts, other=facts, methods=GUESSES)
    chosen = await door.publisher.ask(question, timeout_seconds=EXPLAIN_SECONDS)
    found = to_probe(ranked(chosen.explanation), door.directory.nodes)
    return tuple(ProbeTarget(node=each.node, host=each.host, port=each.port) for each in found)
