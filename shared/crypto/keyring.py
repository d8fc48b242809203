"""Keys from the cluster's pre-shared key.

A password must not be guessable offline from one captured message, so the root is made by
scrypt; every use gets a key of its own by HKDF. The ring holds the current key and, during a
rotation, the previous one.
"""

import hashlib
import secrets
from collections import Counter
from dataclasses import dataclass
from math import log2
from typing import Final

from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from shared.domain.errors import BadSettings
from shared.domain.ids import ClusterId

SHORTEST_PSK: Final = 16
LOWEST_ENTROPY_BITS: Final = 40.0
SCRYPT_COST: Final = 2**15
SCRYPT_MEMORY: Final = 2**26


@dataclass(frozen=True, slots=True)
class Keys:
    """The keys that one pre-shared key gives: its name, the keys of messages and of tickets."""

    kid: str
    control: bytes
    ticket: bytes


@dataclass(frozen=True, slots=True)
class KeyRing:
    """The current keys and, during a rotation, the previous ones."""

    current: Keys
    previous: Keys | None = None

    @staticmethod
    def derive(psk: str, cluster_id: ClusterId, previous: str | None = None) -> "KeyRing":
        """Make the ring of *psk* in the cluster *cluster_id*."""
        return KeyRing(
            derive_keys(psk, cluster_id),
            None if previous is None else derive_keys(previous, cluster_id),
        )

    def find(self, kid: str) -> Keys | None:
        for keys in (self.current, self.previous):
            if keys is not None and keys.kid == kid:
                return keys
        return None


def derive_keys(psk: str, cluster_id: ClusterId) -> Keys:
    root = hashlib.scrypt(
        psk.encode(),
        salt=hashlib.sha256(f"meridian/{cluster_id}".encode()).digest(),
        n=SCRYPT_COST,
        r=8,
        p=1,
        maxmem=SCRYPT_MEMORY,
        dklen=32,
    )
    return Keys(
        kid=expand(root, b"kid/v1", 4).hex(),
        control=expand(root, b"control/v1"),
        ticket=expand(root, b"ticket/v1"),
    )


def expand(root: bytes, info: bytes, length: int = 32) -> bytes:
    """A key for one use, from *root*."""
    return HKDF(algorithm=SHA256(), length=length, salt=None, info=info).derive(root)


def make_psk() -> str:
    """A good pre-shared key: 256 random bits as text."""
    return secrets.token_urlsafe(32)


def check_psk(psk: str) -> str:
    """Return *psk* itself, when it is good enough to keep strangers out.

    Raises:
        BadSettings: it is too short or too regular.
    """
    if len(psk) < SHORTEST_PSK:
        raise BadSettings(
            f"the pre-shared key has {len(psk)} characters: use {SHORTEST_PSK} or more "
            "(`meridian key new` makes a good one)"
        )
    if _entropy_bits(psk) < LOWEST_ENTROPY_BITS:
        raise BadSettings(
            "the pre-shared key is too regular to keep strangers out "
            "(`meridian key new` makes a good one)"
        )
    return psk


def _entropy_bits(text: str) -> float:
    """Estimate the entropy of *text*: parts that repeat or go on evenly add nothing."""
    unit = _unit(text)
    going = (mark for place, mark in enumerate(unit[2:], 2) if not _goes_on(unit, place))
    surprising = [*unit[:2], *going]
    counts = Counter(surprising).values()
    return -sum(count * log2(count / len(surprising)) for count in counts)


def _unit(text: str) -> str:
    """Return the shortest beginning that gives *text* when it is repeated."""
    periods = (length for length in range(1, len(text)) if text.startswith(text[length:]))
    return text[: next(periods, len(text))]


def _goes_on(text: str, place: int) -> bool:
    """Say whether the step to *place* is the step before it, as in `aaaa` and in `1234`."""
    before, last, mark = (ord(each) for each in text[place - 2 : place + 1])
    return mark - last == last - before
