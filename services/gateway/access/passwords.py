"""Checks and makes passwords: argon2id, sealed with the site secret wherever it is kept."""

from functools import partial
from typing import Final

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError

from services.gateway.access.hashing import HashThreads
from services.gateway.core.fair_queue import Origin
from shared.crypto.sealing import SiteSecret
from shared.domain.errors import BadSignature, InvalidChange

PURPOSE: Final = "user/password_hash"
SHORTEST: Final = 8
CLEAR: Final = "$argon2"
"""How a hash that is not sealed begins; what is sealed is base64."""

OPERATOR: Final = Origin("", is_privileged=True)
"""Work for somebody who is signed in."""


class Passwords:
    """Hashes and checks passwords; no other class sees them in clear."""

    def __init__(self, secret: SiteSecret, hasher: PasswordHasher | None = None) -> None:
        self._secret = secret
        self._hasher = hasher or PasswordHasher()
        self._threads = HashThreads()
        self._nobody = self._hasher.hash("nobody has this password")

    async def matches(self, sealed: str, password: str, origin: Origin = OPERATOR) -> bool:
        """Say whether *password* belongs to *sealed*; take as long when there is no hash.

        No password belongs to what another site's secret sealed.
        """
        digest = self._opened(sealed)
        check = partial(self._verify, digest or self._nobody, password)
        return await self._threads.run(check, origin) and bool(digest)

    async def seal(self, password: str) -> str:
        """Hash *password* and seal the hash.

        Raises:
            InvalidChange: it is too short.
        """
        if len(password) < SHORTEST:
            raise InvalidChange(
                f"the password is too short: use {SHORTEST} characters or more", field="password"
            )
        digest = await self._threads.run(partial(self._hasher.hash, password), OPERATOR)
        return self.seal_hash(digest)

    def seal_hash(self, digest: str) -> str:
        """Seal an argon2 hash that was made elsewhere.

        Raises:
            InvalidChange: it is no argon2 hash.
        """
        if not digest.startswith(CLEAR):
            raise InvalidChange(
                "password_hash is no argon2 hash ($argon2id$…)", field="password_hash"
            )
        return self._secret.seal(digest, PURPOSE)

    def clear(self, hash_: str) -> str:
        """Return the argon2 hash behind *hash_*, which may be sealed; empty where there is none.

        Raises:
            BadSignature: another site's secret sealed it.
        """
        if not hash_ or hash_.startswith(CLEAR):
            return hash_
        return self._secret.open(hash_, PURPOSE)

    def can_open(self, hash_: str) -> bool:
        """Say whether this site can use *hash_*: no other site's secret sealed it."""
        try:
            self.clear(hash_)
        except BadSignature:
            return False
        return True

    def same_hash(self, sealed: str, digest: str) -> bool:
        return bool(sealed) and self._secret.open(sealed, PURPOSE) == digest

    def _opened(self, sealed: str) -> str:
        """Return the hash in *sealed*; empty when there is none that this site can open."""
        try:
            return self._secret.open(sealed, PURPOSE) if sealed else ""
        except BadSignature:
            return ""

    def _verify(self, digest: str, password: str) -> bool:
        try:
            return self._hasher.verify(digest, password)
        except (VerificationError, InvalidHashError):
            return False
