"""Issues the credentials with which an endpoint holds its control channel."""

from dataclasses import dataclass
from typing import Annotated

from fastapi import Depends

from services.gateway.access.accounts import Accounts
from services.gateway.access.gateway_urls import GatewayUrls
from services.gateway.http.provided import provided
from shared.api.sessions import SessionCredentials
from shared.domain.ids import UnixMillis
from shared.domain.node import Side
from shared.events.session import SessionState
from shared.runtime.clock import Clock


@dataclass(frozen=True)
class CredentialsIssuer:
    """Issues a token for one end of a session, with the gateways' addresses."""

    accounts: Accounts
    gateways: GatewayUrls
    clock: Clock

    def issue(self, state: SessionState, side: Side) -> SessionCredentials:
        """Issue the credentials of the end at *side*."""
        expires = UnixMillis(state.expires_unix_ms)
        return SessionCredentials(
            session=state.session,
            endpoint_token=self.accounts.endpoint_token(state.session, side, expires),
            expires_unix_ms=expires,
            seconds_left=max(0.0, (expires - self.clock.unix_ms()) / 1000),
            gateways=tuple(self.gateways.all()),
            team=None if state.queued is None else state.queued.team,
            public_site=None if state.queued is None else state.queued.public_site,
        )


TheIssuer = Annotated[CredentialsIssuer, Depends(provided(CredentialsIssuer))]
