"""Drives the dialling side of a connection to a relay: send HELLO or PING, read the answers.

Whoever dials connects a socket, sends `hello()` and passes what it receives to `receive`, until an
answer is `PathReady` or `PathRefused`. From `PathReady` on the bytes belong to the path. A refusal
says how long to stay away; without a time of its own, a relay that only replaced the connection or
waited too long may be dialled again at once.
Whoever measures sends `ping(nonce)` a few times instead; see `PingExchange`.

Nothing here waits, sends or draws a nonce: clients and services bring their own socket and chance.
"""

from dataclasses import dataclass
from typing import Final

from shared.domain.ids import NodeId
from shared.wire.relay import (
    BadFrame,
    FrameReader,
    Pong,
    Ready,
    RefusalCode,
    Refused,
    Wait,
    encode_hello,
    encode_ping,
)

SHORTEST_PAUSE_SECONDS: Final = 0.05
REFUSED_PAUSE_SECONDS: Final = 5.0
LONGEST_REASON: Final = 200

_DIAL_AGAIN: Final = {RefusalCode.TIMEOUT.value, RefusalCode.REPLACED.value}


@dataclass(frozen=True, slots=True)
class PathWaiting:
    """The relay *node* admitted this side; the other side has not dialled yet."""

    node: NodeId


@dataclass(frozen=True, slots=True)
class PathReady:
    """The relay *node* carries the path; *leftover* are the first bytes of the other side."""

    node: NodeId
    leftover: bytes


@dataclass(frozen=True, slots=True)
class PathRefused:
    """The relay refused the path; dial it again after *pause_seconds* at the earliest.

    *reason* is for people, and empty when the relay only ended a wait.
    """

    pause_seconds: float
    reason: str = ""


Answer = PathWaiting | PathReady | PathRefused


class HelloExchange:
    """One connection from HELLO to READY or REFUSED."""

    def __init__(self, ticket: str) -> None:
        self._ticket = ticket
        self._reader = FrameReader()

    def hello(self) -> bytes:
        """Return the bytes to send first.

        Raises:
            BadFrame: the ticket is not ASCII or too long for a frame.
        """
        return encode_hello(self._ticket)

    def receive(self, data: bytes) -> list[Answer]:
        """Return the answers that *data* completes; bytes outside the protocol are a refusal."""
        try:
            frames = self._reader.feed(data)
        except BadFrame:
            return [PathRefused(REFUSED_PAUSE_SECONDS, "what answers there is no relay")]
        answers: list[Answer] = []
        for frame in frames:
            if isinstance(frame, Wait):
                answers.append(PathWaiting(frame.node))
            elif isinstance(frame, Ready):
                answers.append(PathReady(frame.node, self._reader.leftover))
            elif isinstance(frame, Refused):
                answers.append(PathRefused(_pause_after(frame), _reason_of(frame)))
        return answers


class PingExchange:
    """One connection that measures *node*: each PING is answered before the next is sent."""

    def __init__(self, node: NodeId, ticket: str) -> None:
        self._node = node
        self._ticket = ticket
        self._reader = FrameReader()
        self._nonce: int | None = None

    def ping(self, nonce: int) -> bytes:
        """Return the bytes of the next PING; *nonce* is a random number of 32 bits."""
        self._nonce = nonce
        return encode_ping(nonce, self._ticket)

    def receive(self, data: bytes) -> bool | None:
        """Tell whether *data* completes the PONG of the last PING; None: read on.

        False when the relay refuses, is another node or answers another PING.

        Raises:
            BadFrame: the bytes are not the relay protocol.
        """
        frames = self._reader.feed(data)
        if not frames:
            return None
        return frames[0] == Pong(self._node, self._nonce) if self._nonce is not None else False


def _reason_of(refused: Refused) -> str:
    if refused.code in _DIAL_AGAIN:
        return ""
    return f"refused ({refused.code}): {refused.message[:LONGEST_REASON]}"


def _pause_after(refused: Refused) -> float:
    if refused.retry_after_seconds is not None:
        return max(SHORTEST_PAUSE_SECONDS, refused.retry_after_seconds)
    return SHORTEST_PAUSE_SECONDS if refused.code in _DIAL_AGAIN else REFUSED_PAUSE_SECONDS
