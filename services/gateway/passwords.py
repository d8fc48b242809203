"""Checking and making passwords: argon2id, sealed with the site secret wherever it is kept."""

import asyncio
from typing import Final

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError

from shared.crypto.sealing import SiteSecret
from shared.domain.errors import InvalidChange

PURPOSE: Final = "user/password_hash"
SHORTEST: Final = 8


class Passwords:
    """The one place that sees passwords in clear."""

    def __init__(self, secret: SiteSecret, hasher: PasswordHasher | None = None) -> None:
        self._secret = secret
        self._hasher = hasher or PasswordHasher()
        self._nobody = self._hasher.hash("nobody has this password")

    async def matches(self, sealed: str, password: str) -> bool:
        """Whether *password* is the one behind *sealed*; as slow when there is none."""
        digest = self._secret.open(sealed, PURPOSE) if sealed else self._nobody
        right = await asyncio.to_thread(self._verify, digest, password)
        return right and bool(sealed)

    async def sealed(self, password: str) -> str:
        """*password* hashed and sealed.

        Raises:
            InvalidChange: it is too short.
        """
        if len(password) < SHORTEST:
            raise InvalidChange(
                f"the password is too short: use {SHORTEST} characters or more", field="password"
            )
        return self.seal_hash(await asyncio.to_thread(self._hasher.hash, password))

    def seal_hash(self, digest: str) -> str:
        """An argon2 hash that somebody else made, sealed.

        Raises:
            InvalidChange: it is no argon2 hash.
        """
        if not digest.startswith("$argon2"):
            raise InvalidChange(
                "password_hash is no argon2 hash ($argon2id$…)", field="password_hash"
            )
        return self._secret.seal(digest, PURPOSE)

    def same_hash(self, sealed: str, digest: str) -> bool:
        return bool(sealed) and self._secret.open(sealed, PURPOSE) == digest

    def _verify(self, digest: str, password: str) -> bool:
        try:
            return self._hasher.verify(digest, password)
        except (VerificationError, InvalidHashError):
            return False
