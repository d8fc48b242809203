"""Signing in."""

from fastapi import APIRouter

from services.gateway.routes.bodies import DecodedRoute
from services.gateway.routes.door import ClientAddress, TheDoor
from shared.api.accounts import LoginAnswer, LoginRequest
from shared.domain.errors import Unauthenticated
from shared.events.security import SignInRefused

router = APIRouter(tags=["accounts"], route_class=DecodedRoute)


@router.post("/login")
async def login(body: LoginRequest, door: TheDoor, address: ClientAddress) -> LoginAnswer:
    """Sign in with user and password."""
    try:
        token, expires = await door.accounts.sign_in(body.username, body.password, address)
    except Unauthenticated as error:  # those who are wrong too often are told no more
        refused = SignInRefused(user=body.username, client_address=address, cause=error.message)
        door.events.emit(refused)
        raise
    return LoginAnswer(token=token, expires_unix_ms=expires, gateways=door.gateways())
