"""HTTP of signing in."""

from fastapi import APIRouter

from services.gateway.access.callers import TheAccounts
from services.gateway.access.gateway_urls import TheGatewayUrls
from services.gateway.http.bodies import DecodedRoute
from services.gateway.http.requests import ClientAddress
from shared.api.accounts import LoginAnswer, LoginRequest

router = APIRouter(tags=["accounts"], route_class=DecodedRoute)


@router.post("/login")
async def login(
    body: LoginRequest, accounts: TheAccounts, gateways: TheGatewayUrls, address: ClientAddress
) -> LoginAnswer:
    """Sign in with user and password."""
    token, expires = await accounts.sign_in(body.username, body.password, address)
    return LoginAnswer(token=token, expires_unix_ms=expires, gateways=tuple(gateways.all()))
