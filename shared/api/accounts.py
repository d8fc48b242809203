"""The models and the call for signing in."""

from pydantic import Field, TypeAdapter

from shared.api.call import Call
from shared.api.model import ApiModel


class LoginRequest(ApiModel):
    """The name and password of a user who signs in."""

    username: str = Field(min_length=1, max_length=200)
    password: str = Field(min_length=1, max_length=1_000)


class LoginAnswer(ApiModel):
    """An access token, when it expires, and where else the site can be reached."""

    token: str
    expires_unix_ms: int
    gateways: tuple[str, ...]


def login(request: LoginRequest) -> Call[LoginAnswer]:
    """Sign in with user and password."""
    return Call("POST", "/login", TypeAdapter(LoginAnswer), request)
