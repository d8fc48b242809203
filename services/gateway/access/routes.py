"""Signing in."""

from fastapi import APIRouter
from pydantic import BaseModel, Field

from services.gateway.access.callers import TheAccounts
from services.gateway.access.gateway_urls import TheGatewayUrls
from services.gateway.http.bodies import DecodedRoute
from services.gateway.http.requests import ClientAddress

router = APIRouter(tags=["accounts"], route_class=DecodedRoute)


class Login(BaseModel):
    """Who wants in."""

    username: str = Field(min_length=1, max_length=200)
    password: str = Field(min_length=1, max_length=1_000)


class SignedIn(BaseModel):
    """An access token, when it ends, and where else the site can be reached."""

    token: str
    expires_unix_ms: int
    gateways: list[str]


@router.post("/login")
async def login(
    body: Login, accounts: TheAccounts, gateways: TheGatewayUrls, address: ClientAddress
) -> SignedIn:
    """Sign in with user and password."""
    token, expires = await accounts.sign_in(body.username, body.password, address)
    return SignedIn(token=token, expires_unix_ms=expires, gateways=gateways.all())
