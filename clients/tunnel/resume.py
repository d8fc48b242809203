"""Proves the session secret on a new link, and derives that link's record keys.

    representative -> customer   RESUME   attempt, nonce, MAC
    customer -> representative   RESUMED  nonce, MAC over both nonces

Both nonces go into the record keys, so the first record of each direction is the proof that its
sender is there now: no record of an earlier link opens under them. The attempt number grows with
every RESUME of a session and is accepted once. MACs and keys cover session, path generation and
attempt, so a message of one path is worthless on another.
"""

import hmac
import struct
from dataclasses import dataclass
from typing import Final

from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from shared.decoding.text import equal_in_constant_time
from shared.domain.ids import PathGeneration, SessionId
from shared.domain.node import Side

NONCE_BYTES: Final = 32
RESUME: Final = struct.Struct("!Q32s32s")
RESUMED: Final = struct.Struct("!32s32s")


@dataclass(frozen=True, slots=True)
class ResumeAttempt:
    """One try of the representative's end to make a link the tunnel's link."""

    session: SessionId
    generation: PathGeneration
    number: int
    nonce: bytes

    def offer(self, secret: bytes) -> bytes:
        """The payload of RESUME."""
        return RESUME.pack(self.number, self.nonce, self._mac(secret, b"resume"))

    def is_proven(self, secret: bytes, mac: bytes) -> bool:
        """Say whether the *mac* that came with this attempt was made with *secret*."""
        return equal_in_constant_time(mac, self._mac(secret, b"resume"))

    def answer(self, secret: bytes, nonce: bytes) -> bytes:
        """The payload of RESUMED, with the customer's own *nonce*."""
        return RESUMED.pack(nonce, self._mac(secret, b"resumed" + nonce))

    def is_answered(self, secret: bytes, nonce: bytes, mac: bytes) -> bool:
        """Say whether the answer with *nonce* and *mac* was made with *secret*, to this attempt."""
        return equal_in_constant_time(mac, self._mac(secret, b"resumed" + nonce))

    def keys(self, secret: bytes, nonce: bytes) -> "RecordKeys":
        """The link's keys, one for each direction."""
        info = b"meridian/records/v1" + self._context()
        okm = HKDF(SHA256(), 64, self.nonce + nonce, info).derive(secret)
        return RecordKeys({Side.REPRESENTATIVE: okm[:32], Side.CUSTOMER: okm[32:]})

    def _mac(self, secret: bytes, purpose: bytes) -> bytes:
        key = HKDF(SHA256(), 32, None, b"meridian/resume/v1").derive(secret)
        return hmac.digest(key, self._context() + self.nonce + purpose, "sha256")

    def _context(self) -> bytes:
        name = self.session.encode()
        return (
            struct.pack("!I", len(name)) + name + struct.pack("!QQ", self.generation, self.number)
        )


@dataclass(frozen=True, slots=True)
class RecordKeys:
    """A link's keys, by the side that sends under them."""

    by_sender: dict[Side, bytes]
