"""The site secret, which only masters know, and the keys that come from it."""

import base64
import os
import secrets
from pathlib import Path
from typing import Final

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from shared.crypto.keyring import expand
from shared.crypto.nodekeys import write_secret
from shared.decoding.errors import Undecodable
from shared.decoding.text import decode_base64
from shared.domain.errors import BadSettings, BadSignature

SECRET_FILE: Final = "site.secret"  # noqa: S105 - the name of a file
SECRET_BYTES: Final = 32
NONCE_BYTES: Final = 12


class SiteSecret:
    """Seals secrets at rest and in the log, and makes access tokens; never on a traffic node."""

    def __init__(self, root: bytes) -> None:
        self._root = root
        self._cipher = AESGCM(expand(root, b"seal/v1"))
        self.token_key = expand(root, b"token/v1")

    @staticmethod
    def generate() -> "SiteSecret":
        return SiteSecret(secrets.token_bytes(SECRET_BYTES))

    @staticmethod
    def load(path: Path) -> "SiteSecret":
        try:
            root = decode_base64(path.read_text().strip())
        except (OSError, ValueError, Undecodable) as error:
            raise BadSettings(f"no site secret in {path}: {error}") from error
        if len(root) != SECRET_BYTES:
            raise BadSettings(f"{path} holds no site secret: it is not 32 bytes")
        return SiteSecret(root)

    def save(self, path: Path) -> None:
        write_secret(path, base64.b64encode(self._root) + b"\n")

    @property
    def site_signing_key(self) -> Ed25519PrivateKey:
        return Ed25519PrivateKey.from_private_bytes(expand(self._root, b"site/v1"))

    def webhook_secret(self, webhook: str, number: int) -> bytes:
        """Return the key that signs deliveries of *webhook*; another *number* is another secret."""
        return expand(self._root, f"webhook/v1\n{number}\n{webhook}".encode())

    @property
    def backup_key(self) -> bytes:
        """Return the key that every backup's own key is derived from."""
        return expand(self._root, b"backup/v1")

    def seal(self, plaintext: str, purpose: str) -> str:
        nonce = os.urandom(NONCE_BYTES)
        sealed = self._cipher.encrypt(nonce, plaintext.encode(), purpose.encode())
        return base64.b64encode(nonce + sealed).decode()

    def open(self, sealed: str, purpose: str) -> str:
        try:
            raw = decode_base64(sealed)
            return self._cipher.decrypt(
                raw[:NONCE_BYTES], raw[NONCE_BYTES:], purpose.encode()
            ).decode()
        except (InvalidTag, ValueError, Undecodable) as error:
            raise BadSignature(
                f"what is sealed as {purpose} does not open with this site's secret"
            ) from error
