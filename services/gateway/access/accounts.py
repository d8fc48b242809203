"""Signs users in and issues the tokens that prove it later.

Two tokens, both sealed with the site secret so that either master accepts them: an *access*
token names a user and the role; an *endpoint* token names one side of one session and opens
nothing else. Wrong passwords are counted by user and by address.
"""

from collections.abc import Awaitable, Callable
from typing import Final

from services.gateway.access.passwords import Passwords
from services.gateway.core.rate_limit import RateLimit
from services.gateway.core.roles import Caller
from shared.crypto.sealing import SiteSecret
from shared.crypto.tokens import issue_token, read_token
from shared.documents.user import UserDocument, UserRole
from shared.domain.errors import Unauthenticated
from shared.domain.ids import SessionId, UnixMillis
from shared.domain.node import Side
from shared.events.security import SignInRefused
from shared.messaging.ports import Emits
from shared.runtime.clock import Clock

ACCESS: Final = "access"
ENDPOINT: Final = "endpoint"
ACCESS_MS: Final = 12 * 3_600_000
WRONG_PER_USER: Final = 5
WRONG_PER_ADDRESS: Final = 20
WINDOW_SECONDS: Final = 60.0

FindUser = Callable[[str], Awaitable[UserDocument | None]]
"""Reads the document of a user; None when there is none."""


class Accounts:
    """Signs users in, and reads the tokens of users and endpoints."""

    def __init__(
        self,
        find_user: FindUser,
        passwords: Passwords,
        secret: SiteSecret,
        clock: Clock,
        events: Emits,
    ) -> None:
        self._find_user = find_user
        self._passwords = passwords
        self._secret = secret
        self._clock = clock
        self._events = events
        self._by_user = RateLimit(limit=WRONG_PER_USER, window_seconds=WINDOW_SECONDS)
        self._by_address = RateLimit(limit=WRONG_PER_ADDRESS, window_seconds=WINDOW_SECONDS)

    async def sign_in(self, user: str, password: str, address: str) -> tuple[str, UnixMillis]:
        """Issue an access token for *user*; return the token and when it ends.

        A wrong password is also an event; one that the rate limit refuses is none.

        Raises:
            Unauthenticated: user or password is wrong, or the user is disabled.
            TooManyAttempts: the user or the address was wrong too often.
        """
        now = self._clock.now()
        self._by_address.require(address, now)
        self._by_user.require(user, now)
        document = await self._find_user(user)
        sealed = "" if document is None or document.disabled else document.password_hash
        if document is None or not await self._passwords.matches(sealed, password):
            if document is None:
                await self._passwords.matches("", password)
            self._by_user.count(user, now)
            self._by_address.count(address, now)
            cause = "user or password is wrong"
            self._events.emit(SignInRefused(user=user, client_address=address, cause=cause))
            raise Unauthenticated(cause)
        self._by_user.forget(user)
        expires = UnixMillis(self._clock.unix_ms() + ACCESS_MS)
        claims = {"kind": ACCESS, "user": user, "role": document.role.value}
        return issue_token(self._secret, claims, expires), expires

    def caller(self, token: str) -> Caller:
        """Find out who holds the access *token*.

        Raises:
            Unauthenticated: it is no access token, or has ended.
        """
        claims = read_token(self._secret, token, self._clock.unix_ms())
        if claims.text("kind") != ACCESS:
            raise Unauthenticated("this token does not sign anybody in")
        return Caller(claims.text("user"), claims.choice("role", UserRole))

    def endpoint_token(self, session: SessionId, side: Side, expires: UnixMillis) -> str:
        claims = {"kind": ENDPOINT, "session": session, "side": side.value}
        return issue_token(self._secret, claims, expires)

    def endpoint(self, token: str, session: SessionId) -> Side:
        """Find out which side of *session* the endpoint *token* belongs to.

        Raises:
            Unauthenticated: it is no endpoint token of that session, or has ended.
        """
        claims = read_token(self._secret, token, self._clock.unix_ms())
        if claims.text("kind") != ENDPOINT or claims.text("session") != session:
            raise Unauthenticated(f"this token is not for session {session}")
        return claims.choice("side", Side)
