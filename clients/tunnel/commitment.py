"""Decides on a secret between two ends that share no words, and the code that people compare.

Ends of a session from a queue know nothing in common. They exchange keys (X25519), and the end
that asks commits to its key before it sees the other one (the short authentication string of
Vaudenay, CRYPTO 2005, and of ZRTP, RFC 6189):

    representative -> customer   commitment: a hash of its key and of a nonce
    customer -> representative   its key and a nonce
    representative -> customer   the key and the nonce that the commitment was made of

The *code* is a hash of all of it, in eight digits. **Whoever stands between must choose what it
says to either end before it knows what that end's code will be**: it has one chance in 10^8 for
every exchange, and each end takes part in few. Two people who read the same code have the same
secret; until they have, the session trusts the site, and is shown so.

The end that asks is bound by the first answer that it takes, and says its reveal again on every
path until the other end has proven the secret. The end that answers counts an exchange from the
moment its answer leaves, because its own code is known to its peer from then on.
"""

import hashlib
import struct
from dataclasses import dataclass
from typing import Final

from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey, X25519PublicKey
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from clients.tunnel.exchange import RUNS_ALLOWED, Credentials, Entropy, KeyBurnt, Unreadable
from shared.decoding.text import is_equal
from shared.domain.node import Side

VERSION: Final = 1
CODE_DIGITS: Final = 8
"""26.5 bits; less than 25 after all the exchanges that one end takes part in."""

_OPENING: Final = struct.Struct("!B32s")
_SHARE: Final = struct.Struct("!32s32s")
"""A public key and a nonce."""


@dataclass(frozen=True, slots=True)
class _Own:
    """What one end drew for one exchange."""

    key: X25519PrivateKey
    share: bytes

    @staticmethod
    def draw(entropy: Entropy) -> "_Own":
        key = X25519PrivateKey.from_private_bytes(entropy(32))
        return _Own(key, _SHARE.pack(key.public_key().public_bytes_raw(), entropy(32)))


@dataclass(frozen=True, slots=True)
class _Outcome:
    """What an exchange gives to both ends."""

    secret: bytes
    code: str


class Committing:
    """The representative's end: asks, and reveals its key to the first who answers."""

    def __init__(self, credentials: Credentials, entropy: Entropy) -> None:
        self.secret: bytes | None = None
        self.code = ""
        self.runs = 0
        self.again = b""
        self._credentials = credentials
        self._entropy = entropy
        self._own: _Own | None = None

    def open(self) -> bytes:
        """The commitment, the same until it was answered."""
        assert self.secret is None, "an exchange that is over is not opened again"
        if self._own is None:
            self._own = _Own.draw(self._entropy)
        return _OPENING.pack(VERSION, _commitment(self._credentials, self._own.share))

    def confirm(self, answer: bytes) -> bytes:
        """What the commitment was made of; from here on there is a `secret` and a `code`.

        Raises:
            Unreadable: *answer* is no answer; nothing was revealed, the next exchange is new.
        """
        own, self._own = self._own, None
        if own is None or len(answer) != _SHARE.size:
            raise Unreadable
        outcome = _outcome(self._credentials, own.key, answer, (own.share, answer))
        self.secret, self.code = outcome.secret, outcome.code
        self.runs += 1
        self.again = own.share
        return own.share

    def proven(self) -> None:
        """The other end holds the secret: nothing is said again."""
        self.again = b""


class Revealed:
    """The customer's end: answers commitments, and takes the first that is revealed."""

    def __init__(self, credentials: Credentials, entropy: Entropy) -> None:
        self.secret: bytes | None = None
        self.code = ""
        self.candidates: list[bytes] = []
        self.failed_there = 0
        self._credentials = credentials
        self._entropy = entropy
        self._answered: dict[bytes, _Own] = {}
        self._taken = b""

    @property
    def runs(self) -> int:
        return len(self._answered)

    @property
    def awaits_confirmation(self) -> bool:
        """Whether a commitment was answered and none was revealed."""
        return self.secret is None and bool(self._answered)

    def answer(self, opening: bytes) -> bytes:
        """Answer a commitment; the same *opening* gets the same answer and is the same exchange.

        Raises:
            KeyBurnt: there were too many others before.
            Unreadable: *opening* is no commitment.
        """
        if len(opening) != _OPENING.size:
            raise Unreadable
        version, commitment = _OPENING.unpack(opening)
        if version != VERSION:
            raise Unreadable
        if commitment not in self._answered:
            if self.runs >= RUNS_ALLOWED:
                raise KeyBurnt
            self._answered[commitment] = _Own.draw(self._entropy)
        return self._answered[commitment].share

    def check(self, reveal: bytes) -> bool:
        """Take the exchange whose commitment was made of *reveal*.

        Raises:
            Unreadable: none was; the exchanges that were answered still wait.
        """
        if len(reveal) != _SHARE.size:
            raise Unreadable
        commitment = _commitment(self._credentials, reveal)
        own = self._answered.get(commitment)
        if own is None:
            raise Unreadable
        outcome = _outcome(self._credentials, own.key, reveal, (reveal, own.share))
        self.secret, self.code, self._taken = outcome.secret, outcome.code, reveal
        return True

    def was_taken(self, reveal: bytes) -> bool:
        """Whether *reveal* is what was taken, said again."""
        return bool(self._taken) and is_equal(reveal, self._taken)

    def settle(self, secret: bytes) -> None:
        """Nothing is settled by a proof: a secret comes of a reveal alone."""
        assert secret == self.secret, "a secret that no reveal gave"


def _commitment(credentials: Credentials, share: bytes) -> bytes:
    return _digest(b"meridian/commitment/v1", credentials, share)


def _outcome(
    credentials: Credentials, key: X25519PrivateKey, theirs: bytes, shares: tuple[bytes, bytes]
) -> _Outcome:
    """Secret and code of our *key* and *theirs*; *shares* are the representative's, the customer's.

    Raises:
        Unreadable: their key is none that hides anything.
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
