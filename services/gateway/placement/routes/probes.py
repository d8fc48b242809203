"""Which relays an endpoint should measure before its session is placed, and a ticket for it.

The route needs no account, since a customer has none. An address may ask a few times a minute, and
gets the same few nodes each time.
"""

from typing import Annotated

from fastapi import APIRouter, Depends
from pydantic import BaseModel

from services.gateway.access.address_limits import TheAddressLimits
from services.gateway.http.bodies import SmallBody
from services.gateway.http.provided import provided
from services.gateway.http.requests import ClientAddress
from services.gateway.placement.facts import EndpointFacts
from services.gateway.placement.probing import Probing
from shared.domain.node import Side

router = APIRouter(prefix="/probes", tags=["sessions"], route_class=SmallBody)

TheProbing = Annotated[Probing, Depends(provided(Probing))]


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
    probing: TheProbing,
    limits: TheAddressLimits,
    address: ClientAddress,
    body: EndpointFacts | None = None,
) -> Probes:
    """The relays that an endpoint should measure; none when the site goes by no latency."""
    limits.probe_lists.admit(address)
    answer = Probes(good_for_seconds=probing.good_for_seconds())
    if probing.is_wanted():
        facts = (body or EndpointFacts()).as_facts(address, Side.CUSTOMER)
        answer.nodes = [
            ProbedNode(node=each.node, host=each.host, port=each.port)
            for each in await probing.relays(facts)
        ]
        answer.ticket = probing.ticket()
    return answer
