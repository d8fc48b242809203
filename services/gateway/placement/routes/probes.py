"""HTTP of probes: the relays to measure before a session is placed, and a ticket for it.

The route needs no account, since a customer has none. An address may ask a few times a minute, and
gets the same few nodes each time.
"""

from typing import Annotated

from fastapi import APIRouter, Depends

from services.gateway.access.address_limits import TheAddressLimits
from services.gateway.http.bodies import DecodedRoute
from services.gateway.http.provided import provided
from services.gateway.http.requests import ClientAddress
from services.gateway.placement.facts import client_facts
from services.gateway.placement.probing import ProbePlanner
from shared.api.probes import ProbePlan, ProbeTarget
from shared.api.sessions import EndpointFacts
from shared.domain.node import Side

router = APIRouter(prefix="/probes", tags=["sessions"], route_class=DecodedRoute)

TheProbing = Annotated[ProbePlanner, Depends(provided(ProbePlanner))]


@router.post("")
async def probes(
    probing: TheProbing,
    limits: TheAddressLimits,
    address: ClientAddress,
    body: EndpointFacts | None = None,
) -> ProbePlan:
    """Return the relays that an endpoint should measure; none when the site goes by no latency."""
    limits.probe_lists.take(address)
    good_for = probing.good_for_seconds()
    if not probing.is_wanted():
        return ProbePlan(good_for_seconds=good_for)
    found = await probing.relays(client_facts(body or EndpointFacts(), address, Side.CUSTOMER))
    nodes = tuple(ProbeTarget(node=each.node, host=each.host, port=each.port) for each in found)
    return ProbePlan(nodes=nodes, ticket=probing.ticket(), good_for_seconds=good_for)
