"""Signs users in and issues the tokens that prove it later.

Two tokens, both sealed with the site secret so that either master accepts them: an *access*
token names a user and the role; an *endpoint* token names one side of one session and opens
nothing else. Attempts at passwords are limited by `sign_ins`.
"""

from collections.abc import Awaitable, Callable
from typing import Final

from services.gateway.access.passwords import Passwords
from services.gateway.access.sign_ins import SignIns
from services.gateway.core.fair_queue import Origin
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
        sign_ins: SignIns,
    ) -> None:
        self._find_user = find_user
        self._passwords = passwords
        self._secret = secret
        self._clock = clock
        self._events = events
        self._sign_ins = sign_ins

    async def sign_in(self, user: str, password: str, address: str) -> tuple[str, UnixMillis]:
        """Issue an access token for *user*; return the token and when it ends.

        A wrong password is also an event; one that a limit refuses is none.

        Raises:
            Unauthenticated: user or password is wrong, or the user is disabled.
            TooManyAttempts: too many passwords from the network of *address* were wrong.
            TooManySignIns: too many sign-ins are under way.
        """
        async with self._sign_ins.attempt(user, address) as origin:
            document = await self._authenticated(user, password, origin)
            if document is None:
                cause = "user or password is wrong"
                self._events.emit(SignInRefused(user=user, client_address=address, cause=cause))
                raise Unauthenticated(cause)
        expires = UnixMillis(self._clock.unix_ms() + ACCESS_MS)
        claims = {"kind": ACCESS, "user": user, "role": document.role.value}
        return issue_token(self._secret, claims, expires), expires

    async def _authenticated(self, user: str, password: str, origin: Origin) -> UserDocument | None:
        """Return the document of *user* if the password is right; take as long if it is not."""
        document = await self._find_user(user)
        sealed = "" if document is None or document.disabled else document.password_hash
        return document if await self._passwords.matches(sealed, password, origin) else None

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
