"""HTTP of sessions: open and close for representatives, join for customers."""

from typing import Annotated

from fastapi import APIRouter, Depends

from services.gateway.access.address_limits import TheAddressLimits
from services.gateway.access.callers import TheCaller
from services.gateway.core.roles import Action
from services.gateway.http.bodies import DecodedRoute
from services.gateway.http.provided import provided
from services.gateway.http.requests import ClientAddress
from services.gateway.placement.facts import client_facts
from services.gateway.sessions.core.ownership import require_own, visible_sessions
from services.gateway.sessions.core.session import Representative
from services.gateway.sessions.credentials import TheIssuer
from services.gateway.sessions.sessions import Sessions
from shared.api.model import Nameplate
from shared.api.sessions import (
    EndpointFacts,
    RepresentativeFacts,
    SessionCredentials,
    SessionSummary,
)
from shared.domain.errors import NotFound
from shared.domain.node import Side
from shared.domain.session import CloseReason
from shared.events.session import SessionState

router = APIRouter(prefix="/sessions", tags=["sessions"], route_class=DecodedRoute)


TheSessions = Annotated[Sessions, Depends(provided(Sessions))]


async def signed_in_representative(
    sessions: TheSessions,
    caller: TheCaller,
    address: ClientAddress,
    body: RepresentativeFacts | None = None,
) -> Representative:
    """Return the caller as a session's representative, from where and pinned to which node.

    Raises:
        Forbidden: the caller's role holds no sessions.
        NotFound: there is no traffic node of the name that the caller asked for.
    """
    caller.require(Action.HOLD_SESSIONS)
    facts = body or RepresentativeFacts()
    pin = await sessions.selector.pin_for(caller.user, facts.node)
    return Representative(caller.user, client_facts(facts, address, Side.REPRESENTATIVE), pin)


TheRepresentative = Annotated[Representative, Depends(signed_in_representative)]


@router.post("", status_code=201)
async def open_session(
    sessions: TheSessions, issuer: TheIssuer, by: TheRepresentative
) -> SessionCredentials:
    """Open a session; its nameplate is the first part of the session key."""
    state = await sessions.open(by)
    return issuer.issue(state, Side.REPRESENTATIVE)


@router.get("")
async def list_sessions(sessions: TheSessions, caller: TheCaller) -> list[SessionSummary]:
    """List the sessions that are not over: one's own, or everybody's where the role allows it."""
    return [_session_summary(each) for each in visible_sessions(sessions.view.all(), caller)]


@router.post("/{session}/join")
async def join_session(
    session: Nameplate,
    sessions: TheSessions,
    issuer: TheIssuer,
    limits: TheAddressLimits,
    address: ClientAddress,
    body: EndpointFacts | None = None,
) -> SessionCredentials:
    """Let a customer arrive with a nameplate; the words of the key are not for the site."""
    facts = client_facts(body or EndpointFacts(), address, Side.CUSTOMER)
    with limits.unknown_nameplates.attempt(address, NotFound):
        state = await sessions.join(session, facts)
    return issuer.issue(state, Side.CUSTOMER)


@router.delete("/{session}")
async def close_session(
    session: Nameplate, sessions: TheSessions, caller: TheCaller
) -> SessionSummary:
    """End a session."""
    require_own(session, sessions.view.get(session), caller)
    message = f"closed by {caller.user}"
    return _session_summary(await sessions.close(session, CloseReason.CLOSED_BY_USER, message))


def _session_summary(state: SessionState) -> SessionSummary:
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
