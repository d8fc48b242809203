"""Decides which plain frames are exchanged on a link before its records, for either side.

The representative's end leads: on the link that it chose it starts a run of the exchange while
there is no secret, and a resume as soon as there is one. The customer's end follows **the highest
attempt number that was proven**, and from then on ignores the link that it followed before: the
offset that it claims stays true, because it receives nothing elsewhere.

A plain frame that proves nothing is ignored. Once there is a secret, such a frame closes its link,
never the tunnel. With words the secret comes from `exchange`, without words from `commitment`.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from clients.tunnel.commitment import CommitmentInitiator, CommitmentResponder
from clients.tunnel.effects import (
    EndCode,
    Ended,
    PathEffect,
    SecretUnknown,
    Secured,
    WordsDiffer,
)
from clients.tunnel.exchange import (
    RUNS_ALLOWED,
    Credentials,
    Entropy,
    KeyBurnt,
    Unreadable,
    WordsInitiator,
    WordsResponder,
)
from clients.tunnel.frames import FrameKind, encode
from clients.tunnel.links import TunnelLink
from clients.tunnel.resume import NONCE_BYTES, RESUME, RESUMED, RecordKeys, ResumeAttempt

KEY_BURNT = Ended(
    EndCode.KEY_BURNT,
    f"the session key was tried {RUNS_ALLOWED} times with other words and is burnt; "
    "open a new session",
    by_peer=False,
)


@dataclass(frozen=True, slots=True)
class HandshakeStep:
    """The consequences of a plain frame.

    `reply` is sent first. With `keys` the tunnel follows the link from now on, in `attempt`. `drop`
    closes the link, `drop_all` closes every link.
    """

    reply: bytes = b""
    effects: tuple[PathEffect, ...] = ()
    keys: RecordKeys | None = None
    attempt: int = 0
    drop: bool = False
    drop_all: bool = False


DROP = HandshakeStep(drop=True)
TOO_MANY_EXCHANGES = Ended(
    EndCode.KEY_BURNT,
    f"somebody else answered for your representative {RUNS_ALLOWED} times; arrive again",
    by_peer=False,
)
SECURED_ELSEWHERE = HandshakeStep(
    effects=(
        Ended(
            EndCode.SECURED_ELSEWHERE,
            "this side of the session was another program before, whose secret went with it; "
            "this one cannot go on: open a new session",
            by_peer=False,
        ),
    )
)


class LeadingHandshake:
    """The representative's side."""

    def __init__(self, credentials: Credentials, entropy: Entropy) -> None:
        self._session = credentials.session
        by_words = credentials.words is not None
        initiator = WordsInitiator if by_words else CommitmentInitiator
        self._exchange = initiator(credentials, entropy)
        self._entropy = entropy
        self._number = 0
        self._attempt: ResumeAttempt | None = None

    @property
    def is_secured(self) -> bool:
        return self._exchange.secret is not None

    def begin(self, link: TunnelLink) -> bytes:
        """The first frame for the link that was chosen."""
        if self._exchange.secret is None:
            self._attempt = None
            return encode(FrameKind.EXCHANGE, self._exchange.open())
        return self._repeated_reveal() + self._resume(link, self._exchange.secret)

    def received(self, link: TunnelLink, kind: FrameKind, payload: bytes) -> HandshakeStep:
        if kind is FrameKind.ANSWER and not self.is_secured:
            return self._on_answer(link, payload)
        if kind is FrameKind.RESUMED and len(payload) == RESUMED.size:
            return self._on_resumed(link, payload)
        if kind is FrameKind.UNKNOWN:
            return (
                HandshakeStep(effects=(SecretUnknown(),), drop=True)
                if self.is_secured
                else SECURED_ELSEWHERE
            )
        return DROP

    def _on_answer(self, link: TunnelLink, payload: bytes) -> HandshakeStep:
        try:
            confirmation = encode(FrameKind.CONFIRM, self._exchange.confirm(payload))
        except Unreadable:
            return DROP
        secret = self._exchange.secret
        if secret is not None:
            effects = (Secured(self._exchange.code),)
            return HandshakeStep(confirmation + self._resume(link, secret), effects)
        differ = WordsDiffer(self._exchange.runs, RUNS_ALLOWED)
        is_burnt = self._exchange.runs >= RUNS_ALLOWED
        return HandshakeStep(
            confirmation, (differ, KEY_BURNT) if is_burnt else (differ,), drop_all=True
        )

    def _on_resumed(self, link: TunnelLink, payload: bytes) -> HandshakeStep:
        nonce, mac = RESUMED.unpack(payload)
        attempt, secret = self._attempt, self._exchange.secret
        if attempt is None or secret is None or attempt.generation != link.generation:
            return DROP
        if not attempt.is_answered(secret, nonce, mac):
            return DROP
        self._attempt = None
        self._exchange.mark_proven()
        return HandshakeStep(keys=attempt.keys(secret, nonce), attempt=attempt.number)

    def _repeated_reveal(self) -> bytes:
        """The reveal once more, if the other end may not have received it."""
        return encode(FrameKind.CONFIRM, self._exchange.repeat) if self._exchange.repeat else b""

    def _resume(self, link: TunnelLink, secret: bytes) -> bytes:
        self._number += 1
        nonce = self._entropy(NONCE_BYTES)
        self._attempt = ResumeAttempt(self._session, link.generation, self._number, nonce)
        return encode(FrameKind.RESUME, self._attempt.offer(secret))


class FollowingHandshake:
    """The customer's side."""

    def __init__(self, credentials: Credentials, entropy: Entropy) -> None:
        self._session = credentials.session
        self._by_words = credentials.words is not None
        self._exchange = (WordsResponder if self._by_words else CommitmentResponder)(
            credentials, entropy
        )
        self._entropy = entropy
        self._highest = 0

    @property
    def is_secured(self) -> bool:
        return self._exchange.secret is not None

    def received(self, link: TunnelLink, kind: FrameKind, payload: bytes) -> HandshakeStep:
        match kind:
            case FrameKind.EXCHANGE if self.is_secured:
                return HandshakeStep(encode(FrameKind.UNKNOWN), (SecretUnknown(),), drop=True)
            case FrameKind.EXCHANGE:
                return self._on_exchange(payload)
            case FrameKind.CONFIRM if self._exchange.awaits_confirmation:
                return self._on_confirm(payload)
            case FrameKind.CONFIRM if self._exchange.is_repeat(payload):
                return HandshakeStep()
            case FrameKind.RESUME if len(payload) == RESUME.size:
                return self._on_resume(link, payload)
            case _:
                return DROP

    def _on_exchange(self, payload: bytes) -> HandshakeStep:
        try:
            return HandshakeStep(encode(FrameKind.ANSWER, self._exchange.answer(payload)))
        except Unreadable:
            return DROP
        except KeyBurnt:
            return HandshakeStep(effects=(KEY_BURNT if self._by_words else TOO_MANY_EXCHANGES,))

    def _on_confirm(self, payload: bytes) -> HandshakeStep:
        try:
            if self._exchange.check(payload):
                return HandshakeStep(effects=(Secured(self._exchange.code),))
        except Unreadable:
            return DROP
        run = min(max(self._exchange.runs, self._exchange.failed_there + 1), RUNS_ALLOWED)
        message = f"the session key's words do not match (attempt {run} of {RUNS_ALLOWED})"
        ended = Ended(EndCode.WRONG_WORDS, message, by_peer=False)
        return HandshakeStep(effects=(WordsDiffer(run, RUNS_ALLOWED), ended))

    def _on_resume(self, link: TunnelLink, payload: bytes) -> HandshakeStep:
        number, nonce, mac = RESUME.unpack(payload)
        attempt = ResumeAttempt(self._session, link.generation, number, nonce)
        secrets = self._secrets()
        if not secrets:
            return replace(SECURED_ELSEWHERE, reply=encode(FrameKind.UNKNOWN))
        proven = next((each for each in secrets if attempt.is_proven(each, mac)), None)
        if proven is None or number <= self._highest:
            return DROP
        effects: tuple[PathEffect, ...] = () if self.is_secured else (Secured(),)
        if not self.is_secured:
            self._exchange.accept_secret(proven)
        self._highest = number
        mine = self._entropy(NONCE_BYTES)
        return HandshakeStep(
            encode(FrameKind.RESUMED, attempt.answer(proven, mine)),
            effects,
            attempt.keys(proven, mine),
            number,
        )

    def _secrets(self) -> Sequence[bytes]:
        secret = self._exchange.secret
        return self._exchange.candidates if secret is None else (secret,)
