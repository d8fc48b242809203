"""Decides on a secret between two ends that share no words, and the code that people compare.

Ends of a session from a queue have no common secret. They exchange keys (X25519), and the initiator
commits to its key before it sees the other one (the short authentication string of Vaudenay,
CRYPTO 2005, and of ZRTP, RFC 6189):

    representative -> customer   commitment: a hash of its key and of a nonce
    customer -> representative   its key and a nonce
    representative -> customer   the key and the nonce that the commitment was made of

The *code* is a hash of all of it, in eight digits. **An attacker in the middle must choose its
messages to either end before it knows what that end's code will be**: it has one chance in 10^8 for
every exchange, and each end takes part in few. Two people who read the same code have the same
secret. Until they have compared it the session trusts the site, and is shown so.

The initiator is bound by the first answer that it accepts, and repeats its reveal on every path
until the other end has proven the secret. The responder counts an exchange from the moment its
answer leaves, because from then on its peer knows its code.
"""

import hashlib
import struct
from dataclasses import dataclass
from typing import Final

from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey, X25519PublicKey
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from clients.tunnel.exchange import RUNS_ALLOWED, Credentials, Entropy, KeyBurnt, Unreadable
from shared.decoding.text import equal_in_constant_time
from shared.domain.node import Side

VERSION: Final = 1
CODE_DIGITS: Final = 8
"""26.5 bits; less than 25 after all the exchanges that one end takes part in."""

_OPENING: Final = struct.Struct("!B32s")
_SHARE: Final = struct.Struct("!32s32s")
"""A public key and a nonce."""


@dataclass(frozen=True, slots=True)
class _KeyShare:
    """The key and nonce that one end drew for one exchange."""

    key: X25519PrivateKey
    share: bytes

    @staticmethod
    def draw(entropy: Entropy) -> "_KeyShare":
        key = X25519PrivateKey.from_private_bytes(entropy(32))
        return _KeyShare(key, _SHARE.pack(key.public_key().public_bytes_raw(), entropy(32)))


@dataclass(frozen=True, slots=True)
class _Outcome:
    """The result of an exchange, the same for both ends."""

    secret: bytes
    code: str


class CommitmentInitiator:
    """The representative's end: commits to a key, and reveals it after the first answer."""

    def __init__(self, credentials: Credentials, entropy: Entropy) -> None:
        self.secret: bytes | None = None
        self.code = ""
        self.runs = 0
        self.repeat = b""
        self._credentials = credentials
        self._entropy = entropy
        self._key_share: _KeyShare | None = None

    def open(self) -> bytes:
        """The commitment; it stays the same until it is answered."""
        assert self.secret is None, "an exchange that is over is not opened again"
        if self._key_share is None:
            self._key_share = _KeyShare.draw(self._entropy)
        return _OPENING.pack(VERSION, _commitment(self._credentials, self._key_share.share))

    def confirm(self, answer: bytes) -> bytes:
        """The reveal of the commitment; from now on there is a `secret` and a `code`.

        Raises:
            Unreadable: *answer* is no answer; nothing was revealed, the next exchange is new.
        """
        own, self._key_share = self._key_share, None
        if own is None or len(answer) != _SHARE.size:
            raise Unreadable
        outcome = _outcome(self._credentials, own.key, answer, (own.share, answer))
        self.secret, self.code = outcome.secret, outcome.code
        self.runs += 1
        self.repeat = own.share
        return own.share

    def mark_proven(self) -> None:
        """Stop repeating the reveal: the other end has proven the secret."""
        self.repeat = b""


class CommitmentResponder:
    """The customer's end: answers commitments, and accepts the first one that is revealed."""

    def __init__(self, credentials: Credentials, entropy: Entropy) -> None:
        self.secret: bytes | None = None
        self.code = ""
        self.candidates: list[bytes] = []
        self.failed_there = 0
        self._credentials = credentials
        self._entropy = entropy
        self._answers: dict[bytes, _KeyShare] = {}
        self._accepted_reveal = b""

    @property
    def runs(self) -> int:
        return len(self._answers)

    @property
    def awaits_confirmation(self) -> bool:
        """Say whether a commitment was answered, and none has been revealed yet."""
        return self.secret is None and bool(self._answers)

    def answer(self, opening: bytes) -> bytes:
        """Answer a commitment; the same *opening* gets the same answer and is the same exchange.

        Raises:
            KeyBurnt: too many other commitments were answered before.
            Unreadable: *opening* is no commitment.
        """
        if len(opening) != _OPENING.size:
            raise Unreadable
        version, commitment = _OPENING.unpack(opening)
        if version != VERSION:
            raise Unreadable
        if commitment not in self._answers:
            if self.runs >= RUNS_ALLOWED:
                raise KeyBurnt
            self._answers[commitment] = _KeyShare.draw(self._entropy)
        return self._answers[commitment].share

    def check(self, reveal: bytes) -> bool:
        """Accept the exchange whose commitment was made of *reveal*.

        Raises:
            Unreadable: no commitment was made of it; all answered exchanges stay open.
        """
        if len(reveal) != _SHARE.size:
            raise Unreadable
        commitment = _commitment(self._credentials, reveal)
        own = self._answers.get(commitment)
        if own is None:
            raise Unreadable
        outcome = _outcome(self._credentials, own.key, reveal, (reveal, own.share))
        self.secret, self.code, self._accepted_reveal = outcome.secret, outcome.code, reveal
        return True

    def is_repeat(self, reveal: bytes) -> bool:
        """Say whether *reveal* repeats the one that was accepted."""
        return bool(self._accepted_reveal) and equal_in_constant_time(reveal, self._accepted_reveal)

    def accept_secret(self, secret: bytes) -> None:
        """Do nothing: here only a reveal gives a secret, never a proof."""
        assert secret == self.secret, "a secret that no reveal gave"


def _commitment(credentials: Credentials, share: bytes) -> bytes:
    return _digest(b"meridian/commitment/v1", credentials, share)


def _outcome(
    credentials: Credentials, key: X25519PrivateKey, theirs: bytes, shares: tuple[bytes, bytes]
) -> _Outcome:
    """Derive secret and code from *key* and *theirs*; *shares*: representative's, customer's.

    Raises:
        Unreadable: their key would give a secret that everybody knows.
    """
    public, _ = _SHARE.unpack(theirs)
    try:
        shared = key.exchange(X25519PublicKey.from_public_bytes(public))
    except ValueError as error:
        raise Unreadable from error
    transcript = _digest(b"meridian/commitment/v1 transcript", credentials, *shares)
    secret = HKDF(SHA256(), 32, transcript, b"meridian/tunnel/v1 no words").derive(shared)
    number = int.from_bytes(hashlib.sha256(b"code" + transcript).digest()) % 10**CODE_DIGITS
    digits = f"{number:0{CODE_DIGITS}d}"
    half = CODE_DIGITS // 2
    return _Outcome(secret, f"{digits[:half]} {digits[half:]}")


def _digest(purpose: bytes, credentials: Credentials, *shares: bytes) -> bytes:
    names = (credentials.identity(side) for side in (Side.REPRESENTATIVE, Side.CUSTOMER))
    fields = (purpose, *names, *shares)
    return hashlib.sha256(
        b"".join(struct.pack("!I", len(field)) + field for field in fields)
    ).digest()
