"""Signing in."""

from fastapi import APIRouter
from pydantic import BaseModel, Field

from services.gateway.routes.bodies import DecodedRoute
from services.gateway.routes.door import ClientAddress, TheDoor
from shared.domain.errors import Unauthenticated
from shared.events.security import SignInRefused

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
async def login(body: Login, door: TheDoor, address: ClientAddress) -> SignedIn:
    """Sign in with user and password."""
    try:
        token, expires = await door.accounts.sign_in(body.username, body.password, address)
    except Unauthenticated as error:  # those who are wrong too often are told no more
        refused = SignInRefused(user=body.username, client_address=address, cause=error.message)
        door.events.emit(refused)
        raise
    return SignedIn(token=token, expires_unix_ms=expires, gateways=door.gateways())
