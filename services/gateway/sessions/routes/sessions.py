"""HTTP of sessions: open and close for representatives, join for customers."""

from dataclasses import dataclass
from typing import Annotated

from fastapi import APIRouter, Depends

from services.gateway.access.accounts import Accounts
from services.gateway.access.address_limits import TheAddressLimits
from services.gateway.access.callers import TheAccounts, TheCaller
from services.gateway.access.gateway_urls import GatewayUrls, TheGatewayUrls
from services.gateway.core.roles import Action
from services.gateway.http.bodies import SmallBody
from services.gateway.http.provided import provided
from services.gateway.http.requests import ClientAddress
from services.gateway.placement.facts import client_facts
from services.gateway.sessions.core.session import Representative
from services.gateway.sessions.sessions import Sessions
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


@dataclass(frozen=True)
class CredentialsIssuer:
    """Issues what an endpoint needs to hold its control channel."""

    accounts: Accounts
    gateways: GatewayUrls

    def issue(self, state: SessionState, side: Side) -> SessionCredentials:
        """Issue the credentials of the end at *side*."""
        expires = UnixMillis(state.expires_unix_ms)
        return SessionCredentials(
            session=state.session,
            endpoint_token=self.accounts.endpoint_token(state.session, side, expires),
            expires_unix_ms=expires,
            gateways=tuple(self.gateways.all()),
            team=None if state.queued is None else state.queued.team,
            public_site=None if state.queued is None else state.queued.public_site,
        )


def credentials_issuer(accounts: TheAccounts, gateways: TheGatewayUrls) -> CredentialsIssuer:
    return CredentialsIssuer(accounts, gateways)


TheSessions = Annotated[Sessions, Depends(provided(Sessions))]
TheIssuer = Annotated[CredentialsIssuer, Depends(credentials_issuer)]


async def signed_in_representative(
    sessions: TheSessions,
    caller: TheCaller,
    address: ClientAddress,
    body: RepresentativeFacts | None = None,
) -> Representative:
    """The caller as the representative of a session, from where and pinned to which node.

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
    """The sessions that are not over: one's own, or everybody's where the role allows it."""
    states = (each for each in sessions.view.all() if each.phase is not SessionPhase.CLOSED)
    if not caller.may(Action.SEE_ALL_SESSIONS):
        caller.require(Action.HOLD_SESSIONS)
        states = (each for each in states if each.representative == caller.user)
    return [_shown(each) for each in sorted(states, key=lambda each: each.opened_unix_ms)]


@router.post("/{session}/join")
async def join_session(
    session: SessionId,
    sessions: TheSessions,
    issuer: TheIssuer,
    limits: TheAddressLimits,
    address: ClientAddress,
    body: EndpointFacts | None = None,
) -> SessionCredentials:
    """A customer arrives with a nameplate; the words of the key are not for the site."""
    limits.unknown_nameplates.require(address)
    facts = client_facts(body or EndpointFacts(), address, Side.CUSTOMER)
    try:
        state = await sessions.join(session, facts)
    except NotFound:
        limits.unknown_nameplates.count(address)
        raise
    return issuer.issue(state, Side.CUSTOMER)


@router.delete("/{session}")
async def close_session(
    session: SessionId, sessions: TheSessions, caller: TheCaller
) -> SessionSummary:
    """End a session."""
    caller.require(Action.HOLD_SESSIONS)
    state = sessions.view.get(session)
    if state is None:
        raise NotFound(f"there is no session {session}")
    if state.representative != caller.user and not caller.may(Action.SEE_ALL_SESSIONS):
        raise Forbidden(f"session {session} is somebody else's")
    message = f"closed by {caller.user}"
    return _shown(await sessions.close(session, CloseReason.CLOSED_BY_USER, message))


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
