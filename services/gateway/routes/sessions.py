"""Sessions over HTTP: open and close for representatives, join for customers."""

from fastapi import APIRouter

from services.gateway.core.access import Action
from services.gateway.core.session import Taker
from services.gateway.routes.bodies import SmallBody
from services.gateway.routes.door import ClientAddress, Door, TheCaller, TheDoor
from services.gateway.routes.facts import client_facts, pin_for
from shared.api.sessions import (
    EndpointFacts,
    RepresentativeFacts,
    SessionCredentials,
    SessionSummary,
)
from shared.domain.errors import Forbidden, NotFound
from shared.domain.ids import SessionId, UnixMillis
from shared.domain.node import Side
from shared.domain.session import CloseReason, SessionPhase
from shared.events.session import SessionState

router = APIRouter(prefix="/sessions", tags=["sessions"], route_class=SmallBody)


@router.post("", status_code=201)
async def open_session(
    door: TheDoor,
    caller: TheCaller,
    address: ClientAddress,
    body: RepresentativeFacts | None = None,
) -> SessionCredentials:
    """Open a session; its nameplate is the first part of the session key."""
    caller.require(Action.HOLD_SESSIONS)
    told = body or RepresentativeFacts()
    pin = await pin_for(door, caller, told)
    taker = Taker(caller.user, client_facts(told, address, Side.REPRESENTATIVE), pin)
    state = await door.sessions.open(taker, door.site().session)
    door.view.learned(state)
    return credentials_for(door, state, Side.REPRESENTATIVE)


@router.get("")
async def list_sessions(door: TheDoor, caller: TheCaller) -> list[SessionSummary]:
    """The sessions that are not over: one's own, or everybody's where the role allows it."""
    states = (each for each in door.view.all() if each.phase is not SessionPhase.CLOSED)
    if not caller.may(Action.SEE_ALL_SESSIONS):
        caller.require(Action.HOLD_SESSIONS)
        states = (each for each in states if each.representative == caller.user)
    return [_shown(each) for each in sorted(states, key=lambda each: each.opened_unix_ms)]


@router.post("/{session}/join")
async def join_session(
    session: SessionId, door: TheDoor, address: ClientAddress, body: EndpointFacts | None = None
) -> SessionCredentials:
    """A customer arrives with a nameplate; the words of the key are not for the site."""
    door.guesses.require(address, door.clock.now())
    facts = client_facts(body or EndpointFacts(), address, Side.CUSTOMER)
    try:
        state = await door.sessions.join(session, facts)
    except NotFound:
        door.guesses.failed(address, door.clock.now())
        raise
    door.view.learned(state)
    return credentials_for(door, state, Side.CUSTOMER)


@router.delete("/{session}")
async def close_session(session: SessionId, door: TheDoor, caller: TheCaller) -> SessionSummary:
    """End a session."""
    caller.require(Action.HOLD_SESSIONS)
    state = door.view.get(session)
    if state is None:
        raise NotFound(f"there is no session {session}")
    if state.representative != caller.user and not caller.may(Action.SEE_ALL_SESSIONS):
        raise Forbidden(f"session {session} is somebody else's")
    after = await door.sessions.close(
        session, CloseReason.CLOSED_BY_USER, f"closed by {caller.user}"
    )
    door.view.learned(after)
    return _shown(after)


def credentials_for(door: Door, state: SessionState, side: Side) -> SessionCredentials:
    """What the end at *side* needs to hold its control channel."""
    expires = UnixMillis(state.expires_unix_ms)
    return SessionCredentials(
        session=state.session,
        endpoint_token=door.accounts.endpoint_token(state.session, side, expires),
        expires_unix_ms=expires,
        gateways=door.gateways(),
        team=None if state.queued is None else state.queued.team,
        public_site=None if state.queued is None else state.queued.public_site,
    )


def _shown(state: SessionState) -> SessionSummary:
    customer = state.ends.get(Side.CUSTOMER)
    return SessionSummary(
        session=state.session,
        phase=state.phase,
        representative=state.representative,
        opened_unix_ms=state.opened_unix_ms,
        expires_unix_ms=state.expires_unix_ms,
        customer_address=customer.facts.address if customer else None,
        nodes=tuple(path.node for path in state.paths),
        explanation=state.explanation,
        close_reason=state.close_reason,
        close_message=state.close_message,
    )
