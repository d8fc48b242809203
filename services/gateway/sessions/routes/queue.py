"""HTTP of queues: customers arrive by a public site, members of the team take them.

A customer leaves by closing the session on the control channel; one who waits longer than the
site's waiting time is removed. Sessions from a queue have no words: their ends compare a code.
"""

from typing import Annotated

from fastapi import APIRouter, Depends, Header

from services.gateway.access.address_limits import TheAddressLimits
from services.gateway.access.callers import TheCaller
from services.gateway.http.bodies import DecodedRoute
from services.gateway.http.provided import provided
from services.gateway.http.requests import ClientAddress
from services.gateway.placement.facts import client_facts
from services.gateway.sessions.credentials import TheIssuer
from services.gateway.sessions.queues import Queues
from services.gateway.sessions.routes.sessions import TheRepresentative
from shared.api.model import Name, Nameplate
from shared.api.queues import ArrivalRequest, WaitingCustomer
from shared.api.sessions import SessionCredentials
from shared.domain.node import Side
from shared.events.session import Queued, SessionState

router = APIRouter(prefix="/queue", tags=["queues"], route_class=DecodedRoute)

TheQueues = Annotated[Queues, Depends(provided(Queues))]


@router.post("", status_code=201)
async def arrive(
    body: ArrivalRequest,
    queues: TheQueues,
    issuer: TheIssuer,
    limits: TheAddressLimits,
    address: ClientAddress,
    host: Annotated[str, Header(max_length=300)] = "",
) -> SessionCredentials:
    """Let a customer arrive, who waits until a member of the team accepts the session."""
    limits.arrivals.take(address)
    site = body.public_site or host.rsplit(":", 1)[0]
    facts = client_facts(body.facts, address, Side.CUSTOMER)
    state = await queues.arrive(site, body.team, body.customer, facts)
    return issuer.issue(state, Side.CUSTOMER)


@router.get("")
async def who_waits(
    queues: TheQueues, caller: TheCaller, team: Name | None = None
) -> list[WaitingCustomer]:
    """List who waits for the caller's teams, or for one *team*, by their arrival."""
    states = await queues.waiting_sessions(caller, team)
    return [_shown(state, state.queued) for state in states if state.queued is not None]


@router.post("/{session}/accept")
async def accept(
    session: Nameplate,
    queues: TheQueues,
    issuer: TheIssuer,
    caller: TheCaller,
    by: TheRepresentative,
) -> SessionCredentials:
    """Let a member of the team accept the customer; the second one to do so is refused."""
    state = await queues.accept(session, caller, by)
    return issuer.issue(state, Side.REPRESENTATIVE)


def _shown(state: SessionState, queued: Queued) -> WaitingCustomer:
    return WaitingCustomer(
        session=state.session,
        team=queued.team,
        public_site=queued.public_site,
        customer=queued.customer,
        address=state.ends[Side.CUSTOMER].facts.address,
        since_unix_ms=state.opened_unix_ms,
    )
