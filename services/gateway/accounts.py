"""Signing in, and the tokens that prove it later.

Two tokens, both sealed with the site secret so that either master accepts them: an *access*
token names a user and the role; an *endpoint* token names one side of one session and opens
nothing else. Wrong passwords are counted by user and by address.
"""

from typing import Final

from services.gateway.core.access import Caller
from services.gateway.core.attempts import Attempts
from services.gateway.passwords import Passwords
from services.gateway.proposals import Configuration
from shared.crypto.sealing import SiteSecret
from shared.crypto.tokens import issue_token, read_token
from shared.documents import Kind
from shared.documents.user import UserDocument, UserRole
from shared.domain.errors import NotFound, Unauthenticated
from shared.domain.ids import SessionId, UnixMillis
from shared.domain.node import Side
from shared.runtime.clock import Clock

ACCESS: Final = "access"
ENDPOINT: Final = "endpoint"
ACCESS_MS: Final = 12 * 3_600_000
WRONG_PER_USER: Final = 5
WRONG_PER_ADDRESS: Final = 20
WINDOW_SECONDS: Final = 60.0


class Accounts:
    """Who is who."""

    def __init__(
        self,
        configuration: Configuration,
        passwords: Passwords,
        secret: SiteSecret,
        clock: Clock,
    ) -> None:
        self._configuration = configuration
        self._passwords = passwords
        self._secret = secret
        self._clock = clock
        self._by_user = Attempts(limit=WRONG_PER_USER, window_seconds=WINDOW_SECONDS)
        self._by_address = Attempts(limit=WRONG_PER_ADDRESS, window_seconds=WINDOW_SECONDS)

    async def sign_in(self, user: str, password: str, address: str) -> tuple[str, UnixMillis]:
        """An access token for *user* and when it ends.

        Raises:
            Unauthenticated: user or password is wrong, or the user is disabled.
            TooManyAttempts: the user or the address was wrong too often.
        """
        now = self._clock.now()
        self._by_address.require(address, now)
        self._by_user.require(user, now)
        document = await self.user(user)
        sealed = "" if document is None or document.disabled else document.password_hash
        if document is None or not await self._passwords.matches(sealed, password):
            if document is None:
                await self._passwords.matches("", password)
            self._by_user.failed(user, now)
            self._by_address.failed(address, now)
            raise Unauthenticated("user or password is wrong")
        self._by_user.succeeded(user)
        expires = UnixMillis(self._clock.unix_ms() + ACCESS_MS)
        claims = {"kind": ACCESS, "user": user, "role": document.role.value}
        return issue_token(self._secret, claims, expires), expires

    def caller(self, token: str) -> Caller:
        """Who holds the access *token*.

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
        """Which side of *session* the endpoint *token* speaks for.

        Raises:
            Unauthenticated: it is no endpoint token of that session, or has ended.
        """
        claims = read_token(self._secret, token, self._clock.unix_ms())
        if claims.text("kind") != ENDPOINT or claims.text("session") != session:
            raise Unauthenticated(f"this token is not for session {session}")
        return claims.choice("side", Side)

    async def user(self, user: str) -> UserDocument | None:
        """The document of *user*; None when there is none."""
        try:
            document = await self._configuration.document(Kind.USER, user)
        except NotFound:
            return None
        return UserDocument.model_validate(document.body)
