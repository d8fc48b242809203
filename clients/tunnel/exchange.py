"""Decides whether both ends hold the same words, and turns them into the session secret.

SPAKE2 (RFC 9382's construction, by the `spake2` library) gives both ends a key, equal only if the
words are; the library confirms nothing, so each end sends a MAC over the whole transcript. Roles
are asymmetric and the session and side are the identities, so no message fits another place.

    representative -> customer   X, and how many runs have failed
    customer -> representative   Y, MAC over the transcript
    representative -> customer   MAC over the transcript

**One run tests one guess, and each end counts a run from the moment its own MAC leaves**: a peer
that has the MAC can test a guess without another message. At the third run without success the key
is burnt. After success the words are erased. A run is not bound to a path: while it is unanswered,
the same X (and the same Y for it) is sent again on the next path, which shows an attacker nothing
new, so paths that break do not burn a key.

The customer cannot know that its last message's answer arrived. The secrets of its runs stay
candidates, and a resume that proves one of them is as good as the MAC that was lost.
"""

import hashlib
import hmac
import struct
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from spake2 import SPAKE2_A, SPAKE2_B

from shared.decoding.text import equal_in_constant_time
from shared.domain.ids import SessionId
from shared.domain.node import Side

RUNS_ALLOWED: Final = 3
VERSION: Final = 1

Entropy = Callable[[int], bytes]
"""Returns the given number of random bytes."""

_OPENING: Final = struct.Struct("!BB33s")
_ANSWER: Final = struct.Struct("!33s32s")


class KeyBurnt(Exception):
    """The words were tried too often, and are of no use any more."""


class Unreadable(Exception):
    """The peer's message does not belong to this exchange; the run tests no guess."""


@dataclass(frozen=True, slots=True)
class Credentials:
    """The session, and its words; *words* is None in a session without words."""

    session: SessionId
    words: str | None

    def identity(self, side: Side) -> bytes:
        return f"meridian/{VERSION} {self.session} {side.value}".encode()


@dataclass(frozen=True, slots=True)
class _RunKeys:
    """The keys that one run gives to an end."""

    mine: bytes
    theirs: bytes
    secret: bytes


class WordsInitiator:
    """The representative's end: starts runs, one at a time."""

    code: Final = ""
    repeat: Final = b""

    def __init__(self, credentials: Credentials, entropy: Entropy) -> None:
        self.secret: bytes | None = None
        self.runs = 0
        self._credentials: Credentials | None = credentials
        self._entropy = entropy
        self._spake: SPAKE2_A | None = None
        self._opening = b""

    def open(self) -> bytes:
        """The first message of the open run, or of a new one.

        Raises:
            KeyBurnt: no run is left.
        """
        if self._spake is None:
            if self._credentials is None or self.runs >= RUNS_ALLOWED:
                raise KeyBurnt
            names = (self._credentials.identity(side) for side in _SIDES)
            words = _words(self._credentials)
            self._spake = SPAKE2_A(words, *names, entropy_f=self._entropy)
            self._opening = _OPENING.pack(VERSION, self.runs, self._spake.start())
        return self._opening

    def confirm(self, answer: bytes) -> bytes:
        """The last message of the run; `secret` says whether it succeeded.

        Raises:
            Unreadable: *answer* is no answer; the run is over, and not counted.
        """
        spake, self._spake = self._spake, None
        if spake is None or self._credentials is None or len(answer) != _ANSWER.size:
            raise Unreadable
        point, mac = _ANSWER.unpack(answer)
        key = _shared_key(spake, point)
        keys = _derive(key, self._credentials, self._opening, point, Side.REPRESENTATIVE)
        self.runs += 1
        if equal_in_constant_time(mac, keys.theirs):
            self.secret = keys.secret
            self._credentials = None
        elif self.runs >= RUNS_ALLOWED:
            self._credentials = None
        return keys.mine

    def mark_proven(self) -> None:
        """Do nothing: the other end got the secret with the MAC."""


class WordsResponder:
    """The customer's end: answers runs, one at a time."""

    code: Final = ""

    def __init__(self, credentials: Credentials, entropy: Entropy) -> None:
        self.secret: bytes | None = None
        self.candidates: list[bytes] = []
        self.runs = 0
        self.failed_there = 0
        self._credentials: Credentials | None = credentials
        self._entropy = entropy
        self._opening = b""
        self._answer = b""
        self._expected: bytes | None = None

    @property
    def awaits_confirmation(self) -> bool:
        """Say whether a run was answered whose last message has not come."""
        return self._expected is not None

    def answer(self, opening: bytes) -> bytes:
        """Answer a run; the same *opening* gets the same answer and is the same run.

        Raises:
            KeyBurnt: no run is left.
            Unreadable: *opening* starts no run.
        """
        if opening == self._opening and self._expected is not None:
            return self._answer
        if len(opening) != _OPENING.size:
            raise Unreadable
        version, failed_there, point = _OPENING.unpack(opening)
        if version != VERSION:
            raise Unreadable
        if self._credentials is None or self.runs >= RUNS_ALLOWED:
            raise KeyBurnt
        names = (self._credentials.identity(side) for side in _SIDES)
        spake = SPAKE2_B(_words(self._credentials), *names, entropy_f=self._entropy)
        mine = spake.start()
        keys = _derive(_shared_key(spake, point), self._credentials, opening, mine, Side.CUSTOMER)
        self.runs += 1
        self.failed_there = failed_there
        self.candidates.append(keys.secret)
        self._opening, self._expected = opening, keys.theirs
        self._answer = _ANSWER.pack(mine, keys.mine)
        return self._answer

    def check(self, mac: bytes) -> bool:
        """Say whether the representative's MAC shows the same words."""
        expected, self._expected = self._expected, None
        if expected is None or not equal_in_constant_time(mac, expected):
            return False
        self.accept_secret(self.candidates[-1])
        return True

    def is_repeat(self, mac: bytes) -> bool:
        """Say whether *mac* repeats an accepted one: never, because a MAC is checked only once."""
        del mac
        return False

    def accept_secret(self, secret: bytes) -> None:
        """Accept *secret*, a candidate that the peer has proven to hold."""
        assert secret in self.candidates, "a secret that no run gave"
        self.secret = secret
        self.candidates = []
        self._credentials = None
        self._expected = None


_SIDES: Final = (Side.REPRESENTATIVE, Side.CUSTOMER)


def _words(credentials: Credentials) -> bytes:
    assert credentials.words is not None, "SPAKE2 needs words"
    return credentials.words.encode()


def _shared_key(spake: SPAKE2_A | SPAKE2_B, point: bytes) -> bytes:
    try:
        return spake.finish(point)
    except Exception as error:
        raise Unreadable from error


def _derive(
    key: bytes, credentials: Credentials, opening: bytes, point: bytes, side: Side
) -> _RunKeys:
    """Derive both MACs over the transcript, and the secret, all bound to it."""
    fields = (*(credentials.identity(each) for each in _SIDES), opening, point)
    transcript = b"".join(struct.pack("!I", len(field)) + field for field in fields)
    salt = hashlib.sha256(transcript).digest()
    okm = HKDF(SHA256(), 96, salt, b"meridian/tunnel/v1").derive(key)
    macs = {
        each: hmac.digest(okm[index * 32 : index * 32 + 32], transcript, "sha256")
        for index, each in enumerate(_SIDES)
    }
    return _RunKeys(mine=macs[side], theirs=macs[side.other], secret=okm[64:])
