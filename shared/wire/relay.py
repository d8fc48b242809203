"""Defines the relay protocol on one screen: how an endpoint gets a path, or measures a relay.

Every frame is `u16 length, u8 type, payload`, big-endian; the length counts type and payload.

| type | frame   | from     | payload                                                            |
|------|---------|----------|--------------------------------------------------------------------|
| 1    | HELLO   | endpoint | u8 version = 1, then the ticket's text in ASCII                    |
| 2    | WAIT    | relay    | JSON `{"node"}`: the other side is not there yet                   |
| 3    | READY   | relay    | JSON `{"node", "generation"}`: the pair is there                   |
| 4    | REFUSED | relay    | JSON `{"code", "message", "retry_after_seconds"}`, and it closes   |
| 5    | PING    | endpoint | u8 version = 1, u32 nonce, then the probe ticket's text in ASCII   |
| 6    | PONG    | relay    | JSON `{"node", "nonce"}`: the PING came here                       |

An endpoint sends HELLO once, within `HELLO_SECONDS`, in one frame of at most
`LONGEST_FRAME_BYTES`. The relay answers WAIT any number of times, then READY to both sides at the
same time, or REFUSED. **From READY on the bytes are opaque**: a relay needs only the ticket.
How many connections of one source may be silent or wait is in `docs/protocols/relay.md`.

An endpoint that measures sends PING instead, a few times, and closes; the relay answers each with a
PONG. A nonce is random, so a relay cannot answer a PING that it has not received. A relay that does
not know PING refuses it as `bad_hello`. A connection is for a path or for measuring, never both.

A second HELLO of the same side and generation closes both connections of that pair, and both ends
dial again. Readers ignore unknown fields of the JSON, so nodes can be upgraded one at a time.
The dialling side is driven by `shared.wire.dialling`, the relay's by `services.relay`.
"""

import json
import struct
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from shared.decoding.errors import Undecodable
from shared.decoding.fields import Fields, decode_object
from shared.domain.errors import Rejected
from shared.domain.ids import NodeId, PathGeneration

VERSION: Final = 1
HELLO_SECONDS: Final = 5.0
LONGEST_FRAME_BYTES: Final = 4096
"""A whole frame with its length."""

_HEAD: Final = struct.Struct("!HB")
_PING: Final = struct.Struct("!BI")
_HELLO, _WAIT, _READY, _REFUSED, _PINGED, _PONG = 1, 2, 3, 4, 5, 6


class RefusalCode(StrEnum):
    """The reason for which a relay refuses a path."""

    BAD_HELLO = "bad_hello"
    BAD_VERSION = "bad_version"
    INVALID_TICKET = "invalid_ticket"
    TICKET_EXPIRED = "ticket_expired"
    WRONG_NODE = "wrong_node"
    DRAINING = "draining"
    FULL = "full"
    CLOSED = "closed"
    REPLACED = "replaced"
    TIMEOUT = "timeout"
    TOO_MANY_PINGS = "too_many_pings"


class BadFrame(Rejected):
    """The bytes are no frame of this protocol; *refusal* is what a relay answers."""

    code = "bad_frame"

    def __init__(self, message: str, refusal: RefusalCode = RefusalCode.BAD_HELLO) -> None:
        super().__init__(message, refusal=refusal)
        self.refusal = refusal


@dataclass(frozen=True, slots=True)
class Hello:
    """An endpoint asks for a path with its ticket."""

    ticket: str


@dataclass(frozen=True, slots=True)
class Wait:
    """The other side is not there yet."""

    node: NodeId


@dataclass(frozen=True, slots=True)
class Ready:
    """Both sides are there; the bytes that follow belong to the path."""

    node: NodeId
    generation: PathGeneration


@dataclass(frozen=True, slots=True)
class Refused:
    """The relay refuses the path; *code* is a `RefusalCode`, or one of a newer relay."""

    code: str
    message: str
    retry_after_seconds: float | None


@dataclass(frozen=True, slots=True)
class Ping:
    """An endpoint with a probe ticket measures how far away this relay is."""

    nonce: int
    ticket: str


@dataclass(frozen=True, slots=True)
class Pong:
    """The answer to the PING with *nonce*, by *node*."""

    node: NodeId
    nonce: int


Frame = Hello | Wait | Ready | Refused | Ping | Pong


def encode_hello(ticket: str) -> bytes:
    """Encode the only frame that an endpoint sends for a path.

    Raises:
        BadFrame: *ticket* is no ASCII or too long for a frame.
    """
    return _frame(_HELLO, bytes([VERSION]) + _ascii(ticket))


def encode_ping(nonce: int, ticket: str) -> bytes:
    """Encode one measurement; the errors are those of `encode_hello`."""
    return _frame(_PINGED, _PING.pack(VERSION, nonce) + _ascii(ticket))


def encode_pong(node: NodeId, nonce: int) -> bytes:
    return _json_frame(_PONG, node=node, nonce=nonce)


def encode_wait(node: NodeId) -> bytes:
    return _json_frame(_WAIT, node=node)


def encode_ready(node: NodeId, generation: PathGeneration) -> bytes:
    return _json_frame(_READY, node=node, generation=generation)


def encode_refused(code: RefusalCode, message: str, retry_after_seconds: float | None) -> bytes:
    return _json_frame(
        _REFUSED, code=code.value, message=message[:500], retry_after_seconds=retry_after_seconds
    )


class FrameReader:
    """Decodes frames from a stream of bytes, up to the last that the sender may send.

    After HELLO, READY and REFUSED it decodes nothing more. Later bytes are in `leftover`: after
    READY they belong to the tunnel, after HELLO they break the protocol.
    """

    def __init__(self) -> None:
        self.done = False
        self._buffer = b""

    @property
    def leftover(self) -> bytes:
        """Return the bytes past the last frame; empty while frames are still expected."""
        return self._buffer if self.done else b""

    def feed(self, data: bytes) -> list[Frame]:
        """Return the frames that *data* completes.

        Raises:
            BadFrame: the bytes are no frame; the connection is of no use any more.
        """
        self._buffer += data
        frames: list[Frame] = []
        while not self.done and (frame := self._next()) is not None:
            frames.append(frame)
            self.done = not isinstance(frame, Wait | Ping | Pong)
        return frames

    def _next(self) -> Frame | None:
        if len(self._buffer) < _HEAD.size:
            return None
        length, kind = _HEAD.unpack_from(self._buffer)
        end = 2 + length
        if length < 1 or end > LONGEST_FRAME_BYTES or not _HELLO <= kind <= _PONG:
            raise BadFrame("this is not the relay protocol")
        if len(self._buffer) < end:
            return None
        payload, self._buffer = self._buffer[_HEAD.size : end], self._buffer[end:]
        return _decode(kind, payload)


def _frame(kind: int, payload: bytes) -> bytes:
    if _HEAD.size + len(payload) > LONGEST_FRAME_BYTES:
        raise BadFrame(f"a frame has at most {LONGEST_FRAME_BYTES} bytes")
    return _HEAD.pack(1 + len(payload), kind) + payload


def _json_frame(kind: int, **fields: object) -> bytes:
    return _frame(kind, json.dumps(fields, separators=(",", ":")).encode())


def _decode(kind: int, payload: bytes) -> Frame:
    if kind in {_HELLO, _PINGED}:
        return _decode_request(kind, payload)
    try:
        return _decode_answer(kind, decode_object(payload, "answer"))
    except Undecodable as error:
        raise BadFrame("a relay's answer cannot be read") from error


def _decode_request(kind: int, payload: bytes) -> Frame:
    if not payload or payload[0] != VERSION:
        given = payload[0] if payload else "none"
        raise BadFrame(f"this relay speaks version {VERSION}, not {given}", RefusalCode.BAD_VERSION)
    try:
        if kind == _HELLO:
            return Hello(payload[1:].decode("ascii"))
        _, nonce = _PING.unpack_from(payload)
        return Ping(nonce, payload[_PING.size :].decode("ascii"))
    except struct.error as error:
        raise BadFrame("a PING has a nonce and a ticket") from error
    except UnicodeDecodeError as error:
        raise BadFrame("a ticket has ASCII letters only") from error


def _ascii(ticket: str) -> bytes:
    if not ticket.isascii():
        raise BadFrame("a ticket has ASCII letters only")
    return ticket.encode()


def _decode_answer(kind: int, fields: Fields) -> Frame:
    if kind == _WAIT:
        return Wait(NodeId(fields.text("node")))
    if kind == _READY:
        return Ready(NodeId(fields.text("node")), PathGeneration(fields.integer("generation")))
    if kind == _PONG:
        return Pong(NodeId(fields.text("node")), fields.integer("nonce"))
    retry = fields.number("retry_after_seconds") if "retry_after_seconds" in fields else None
    return Refused(fields.text("code"), fields.text("message"), retry)
