"""Queues over HTTP: customers arrive by a public site, members of the team take them.

A customer leaves by closing the session on the control channel; one who waits longer than the
site's waiting time is removed. Sessions from a queue have no words: their ends compare a code.
"""

from typing import Annotated

from fastapi import APIRouter, Depends, Header
from pydantic import BaseModel, Field

from services.gateway.access.address_limits import TheAddressLimits
from services.gateway.access.callers import TheCaller
from services.gateway.http.bodies import SmallBody
from services.gateway.http.provided import provided
from services.gateway.http.requests import ClientAddress
from services.gateway.placement.facts import EndpointFacts
from services.gateway.sessions.queues import Queues
from services.gateway.sessions.routes.sessions import (
    CredentialsIssuer,
    EndpointLeave,
    Representative,
    TheIssuer,
)
from shared.domain.ids import SessionId
from shared.domain.node import Side
from shared.events.session import Queued, SessionState

router = APIRouter(prefix="/queue", tags=["queues"], route_class=SmallBody)


class ArrivalWish(BaseModel):
    """By which public site, for which team, and how the customer wants to be called.

    Without *public_site* the host name of the request says which.
    """

    public_site: str | None = Field(default=None, max_length=253)
    team: str | None = Field(default=None, max_length=200)
    customer: str = Field(default="", max_length=200)
    facts: EndpointFacts = EndpointFacts()


class ArrivalLeave(EndpointLeave):
    """What a customer in a queue needs, and where they wait."""

    team: str
    public_site: str


class ShownCustomer(BaseModel):
    """Somebody who waits."""

    session: SessionId
    team: str
    public_site: str
    customer: str
    address: str
    since_unix_ms: int


TheQueues = Annotated[Queues, Depends(provided(Queues))]


@router.post("", status_code=201)
async def arrive(
    body: ArrivalWish,
    queues: TheQueues,
    issuer: TheIssuer,
    limits: TheAddressLimits,
    address: ClientAddress,
    host: Annotated[str, Header(max_length=300)] = "",
) -> ArrivalLeave:
    """A customer arrives and waits until somebody of the team takes the session."""
    limits.arrivals.admit(address)
    site = body.public_site or host.rsplit(":", 1)[0]
    facts = body.facts.as_facts(address, Side.CUSTOMER)
    state = await queues.arrive(site, body.team, body.customer, facts)
    return _credentials(issuer, state, Side.CUSTOMER)


@router.get("")
async def who_waits(
    queues: TheQueues, caller: TheCaller, team: str | None = None
) -> list[ShownCustomer]:
    """Who waits for the caller's teams, or for one *team*, by their arrival."""
    states = await queues.waiting(caller, team)
    return [_shown(state, state.queued) for state in states if state.queued is not None]


@router.post("/{session}/accept")
async def accept(
    session: SessionId,
    queues: TheQueues,
    issuer: TheIssuer,
    caller: TheCaller,
    taker: Representative,
) -> ArrivalLeave:
    """A member of the team takes the customer; whoever comes second is refused."""
    state = await queues.accept(session, caller, taker)
    return _credentials(issuer, state, Side.REPRESENTATIVE)


def _credentials(issuer: CredentialsIssuer, state: SessionState, side: Side) -> ArrivalLeave:
    assert state.queued is not None, "the session came from a queue"
    issued = issuer.issue(state, side).model_dump()
    return ArrivalLeave(**issued, team=state.queued.team, public_site=state.queued.public_site)


def _shown(state: SessionState, queued: Queued) -> ShownCustomer:
    return ShownCustomer(
        session=state.session,
        team=queued.team,
        public_site=queued.public_site,
        customer=queued.customer,
        address=state.ends[Side.CUSTOMER].facts.address,
        since_unix_ms=state.opened_unix_ms,
    )
