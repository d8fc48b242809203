"""Sessions over HTTP: open and close for representatives, join for customers."""

from fastapi import APIRouter
from pydantic import BaseModel

from services.gateway.core.access import Action
from services.gateway.core.session import Taker
from services.gateway.routes.bodies import SmallBody
from services.gateway.routes.door import ClientAddress, Door, TheCaller, TheDoor
from services.gateway.routes.facts import EndpointFacts, RepresentativeFacts, pin_for
from shared.domain.errors import Forbidden, NotFound
from shared.domain.ids import NodeId, SessionId, UnixMillis
from shared.domain.node import Side
from shared.domain.session import SessionPhase
from shared.events.session import SessionState

router = APIRouter(prefix="/sessions", tags=["sessions"], route_class=SmallBody)


class EndpointLeave(BaseModel):
    """What an endpoint needs to hold its control channel."""

    session: SessionId
    endpoint_token: str
    expires_unix_ms: int
    gateways: list[str]


class ShownSession(BaseModel):
    """A session as a list shows it."""

    session: SessionId
    phase: SessionPhase
    representative: str
    opened_unix_ms: int
    expires_unix_ms: int
    customer_address: str | None
    nodes: list[NodeId]
    explanation: list[str]
    close_reason: str | None


@router.post("", status_code=201)
async def open_session(
    door: TheDoor,
    caller: TheCaller,
    address: ClientAddress,
    body: RepresentativeFacts | None = None,
) -> EndpointLeave:
    """Open a session; its nameplate is the first part of the session key."""
    caller.require(Action.HOLD_SESSIONS)
    told = body or RepresentativeFacts()
    pin = await pin_for(door, caller, told)
    taker = Taker(caller.user, told.as_facts(address, Side.REPRESENTATIVE), pin)
    state = await door.sessions.open(taker, door.site().session)
    door.view.learned(state)
    return leave_for(door, state, Side.REPRESENTATIVE)


@router.get("")
async def list_sessions(door: TheDoor, caller: TheCaller) -> list[ShownSession]:
    """The sessions that are not over: one's own, or everybody's where the role allows it."""
    states = (each for each in door.view.all() if each.phase is not SessionPhase.CLOSED)
    if not caller.may(Action.SEE_ALL_SESSIONS):
        caller.require(Action.HOLD_SESSIONS)
        states = (each for each in states if each.representative == caller.user)
    return [_shown(each) for each in sorted(states, key=lambda each: each.opened_unix_ms)]


@router.post("/{session}/join")
async def join_session(
    session: SessionId, door: TheDoor, address: ClientAddress, body: EndpointFacts | None = None
) -> EndpointLeave:
    """A customer arrives with a nameplate; the words of the key are not for the site."""
    door.guesses.require(address, door.clock.now())
    facts = (body or EndpointFacts()).as_facts(address, Side.CUSTOMER)
    try:
        state = await door.sessions.join(session, facts)
    except NotFound:
        door.guesses.failed(address, door.clock.now())
        raise
    door.view.learned(state)
    return leave_for(door, state, Side.CUSTOMER)


@router.delete("/{session}")
async def close_session(session: SessionId, door: TheDoor, caller: TheCaller) -> ShownSession:
    """End a session."""
    caller.require(Action.HOLD_SESSIONS)
    state = door.view.get(session)
    if state is None:
        raise NotFound(f"there is no session {session}")
    if state.representative != caller.user and not caller.may(Action.SEE_ALL_SESSIONS):
        raise Forbidden(f"session {session} is somebody else's")
    after = await door.sessions.close(session, f"closed by {caller.user}")
    door.view.learned(after)
    return _shown(after)


def leave_for(door: Door, state: SessionState, side: Side) -> EndpointLeave:
    """What the end at *side* needs to hold its control channel."""
    expires = UnixMillis(state.expires_unix_ms)
    return EndpointLeave(
        session=state.session,
        endpoint_token=door.accounts.endpoint_token(state.session, side, expires),
        expires_unix_ms=expires,
        gateways=door.gateways(),
    )


def _shown(state: SessionState) -> ShownSession:
    customer = state.ends.get(Side.CUSTOMER)
    return ShownSession(
        session=state.session,
        phase=state.phase,
        representative=state.representative,
        opened_unix_ms=state.opened_unix_ms,
        expires_unix_ms=state.expires_unix_ms,
        customer_address=customer.facts.address if customer else None,
        nodes=[path.node for path in state.paths],
        explanation=list(state.explanation),
        close_reason=state.close_reason,
    )
