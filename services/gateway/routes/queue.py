"""Queues over HTTP: customers arrive by a public site, members of the team take them.

A customer leaves by closing the session on the control channel, and is gone from the queue when
the site's waiting time is over. Sessions from a queue have no words: their ends compare a code.
"""

from typing import Annotated

from fastapi import APIRouter, Header

from services.gateway.core.access import Action
from services.gateway.core.queue import (
    public_site,
    require_member,
    require_room,
    require_seen,
    seen_by,
    team_for,
    waiting,
)
from services.gateway.core.session import Taker
from services.gateway.routes.bodies import SmallBody
from services.gateway.routes.door import ClientAddress, Door, TheCaller, TheDoor
from services.gateway.routes.facts import client_facts, pin_for
from services.gateway.routes.sessions import credentials_for
from shared.api.queues import ArrivalRequest, WaitingCustomer
from shared.api.sessions import RepresentativeFacts, SessionCredentials
from shared.documents import Kind
from shared.documents.public_site import PublicSiteDocument
from shared.documents.team import TeamDocument
from shared.domain.ids import SessionId
from shared.domain.node import Side
from shared.events.session import Queued, SessionState

router = APIRouter(prefix="/queue", tags=["queues"], route_class=SmallBody)


@router.post("", status_code=201)
async def arrive(
    body: ArrivalRequest,
    door: TheDoor,
    address: ClientAddress,
    host: Annotated[str, Header(max_length=300)] = "",
) -> SessionCredentials:
    """A customer arrives and waits until somebody of the team takes the session."""
    now = door.clock.now()
    door.arrivals.require(address, now)
    door.arrivals.failed(address, now)
    queued = await _queued(door, body, body.public_site or host.rsplit(":", 1)[0])
    require_room(door.view.all(), queued.team, door.clock.unix_ms())
    facts = client_facts(body.facts, address, Side.CUSTOMER)
    state = await door.sessions.arrive(queued, facts, door.site().session)
    door.view.learned(state)
    return credentials_for(door, state, Side.CUSTOMER)


@router.get("")
async def who_waits(
    door: TheDoor, caller: TheCaller, team: str | None = None
) -> list[WaitingCustomer]:
    """Who waits for the caller's teams, or for one *team*, whoever came first before the others."""
    teams = seen_by(caller, await _teams(door))
    if team is not None:
        require_seen(teams, team)
        teams = frozenset({team})
    states = waiting(door.view.all(), teams, door.clock.unix_ms())
    return [_shown(state, state.queued) for state in states if state.queued is not None]


@router.post("/{session}/accept")
async def accept(
    session: SessionId,
    door: TheDoor,
    caller: TheCaller,
    address: ClientAddress,
    body: RepresentativeFacts | None = None,
) -> SessionCredentials:
    """A member of the team takes the customer; whoever is second is told so."""
    caller.require(Action.HOLD_SESSIONS)
    teams = await _teams(door)
    told = body or RepresentativeFacts()
    pin = await pin_for(door, caller, told)
    taker = Taker(caller.user, client_facts(told, address, Side.REPRESENTATIVE), pin)
    after = await door.sessions.accept(
        session, taker, lambda queued: require_member(caller, teams, queued)
    )
    door.view.learned(after)
    return credentials_for(door, after, Side.REPRESENTATIVE)


async def _queued(door: Door, wanted: ArrivalRequest, asked: str) -> Queued:
    """Where the customer will wait."""
    found = await door.configuration.read(Kind.PUBLIC_SITE)
    sites = {
        each.id: PublicSiteDocument.model_validate(each.body, extra="ignore")
        for each in found.documents
    }
    name = public_site(sites, asked)
    return Queued(
        team=team_for(name, sites[name], wanted.team),
        public_site=name,
        customer=wanted.customer,
    )


async def _teams(door: Door) -> dict[str, TeamDocument]:
    found = await door.configuration.read(Kind.TEAM)
    return {
        each.id: TeamDocument.model_validate(each.body, extra="ignore") for each in found.documents
    }


def _shown(state: SessionState, queued: Queued) -> WaitingCustomer:
    return WaitingCustomer(
        session=state.session,
        team=queued.team,
        public_site=queued.public_site,
        customer=queued.customer,
        address=state.ends[Side.CUSTOMER].facts.address,
        since_unix_ms=state.opened_unix_ms,
    )
