"""Sessions over HTTP: open and close for representatives, join for customers."""

from dataclasses import dataclass
from typing import Annotated

from fastapi import APIRouter, Depends
from pydantic import BaseModel

from services.gateway.access.accounts import Accounts
from services.gateway.access.address_limits import TheAddressLimits
from services.gateway.access.callers import TheAccounts, TheCaller
from services.gateway.access.gateway_urls import GatewayUrls, TheGatewayUrls
from services.gateway.core.roles import Action
from services.gateway.http.bodies import SmallBody
from services.gateway.http.provided import provided
from services.gateway.http.requests import ClientAddress
from services.gateway.placement.facts import EndpointFacts, RepresentativeFacts
from services.gateway.sessions.core.session import Taker
from services.gateway.sessions.sessions import Sessions
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


@dataclass(frozen=True)
class CredentialsIssuer:
    """Issues what an endpoint needs to hold its control channel."""

    accounts: Accounts
    gateways: GatewayUrls

    def issue(self, state: SessionState, side: Side) -> EndpointLeave:
        """Issue the credentials of the end at *side*."""
        expires = UnixMillis(state.expires_unix_ms)
        return EndpointLeave(
            session=state.session,
            endpoint_token=self.accounts.endpoint_token(state.session, side, expires),
            expires_unix_ms=expires,
            gateways=self.gateways.all(),
        )


def credentials_issuer(accounts: TheAccounts, gateways: TheGatewayUrls) -> CredentialsIssuer:
    return CredentialsIssuer(accounts, gateways)


TheSessions = Annotated[Sessions, Depends(provided(Sessions))]
TheIssuer = Annotated[CredentialsIssuer, Depends(credentials_issuer)]


async def representative(
    sessions: TheSessions,
    caller: TheCaller,
    address: ClientAddress,
    body: RepresentativeFacts | None = None,
) -> Taker:
    """The caller as the representative of a session, from where and pinned to which node.

    Raises:
        Forbidden: the caller's role holds no sessions.
        NotFound: there is no traffic node of the name that the caller asked for.
    """
    caller.require(Action.HOLD_SESSIONS)
    facts = body or RepresentativeFacts()
    pin = await sessions.selector.pin_for(caller.user, facts.node)
    return Taker(caller.user, facts.as_facts(address, Side.REPRESENTATIVE), pin)


Representative = Annotated[Taker, Depends(representative)]


@router.post("", status_code=201)
async def open_session(
    sessions: TheSessions, issuer: TheIssuer, taker: Representative
) -> EndpointLeave:
    """Open a session; its nameplate is the first part of the session key."""
    state = await sessions.open(taker)
    return issuer.issue(state, Side.REPRESENTATIVE)


@router.get("")
async def list_sessions(sessions: TheSessions, caller: TheCaller) -> list[ShownSession]:
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
) -> EndpointLeave:
    """A customer arrives with a nameplate; the words of the key are not for the site."""
    limits.unknown_nameplates.require(address)
    facts = (body or EndpointFacts()).as_facts(address, Side.CUSTOMER)
    try:
        state = await sessions.join(session, facts)
    except NotFound:
        limits.unknown_nameplates.count(address)
        raise
    return issuer.issue(state, Side.CUSTOMER)


@router.delete("/{session}")
async def close_session(
    session: SessionId, sessions: TheSessions, caller: TheCaller
) -> ShownSession:
    """End a session."""
    caller.require(Action.HOLD_SESSIONS)
    state = sessions.view.get(session)
    if state is None:
        raise NotFound(f"there is no session {session}")
    if state.representative != caller.user and not caller.may(Action.SEE_ALL_SESSIONS):
        raise Forbidden(f"session {session} is somebody else's")
    return _shown(await sessions.close(session, f"closed by {caller.user}"))


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
