"""Owns the bytes on a link: `u8 kind, u32 length, payload`, big-endian.

The first frames of a link are plain and prove something (`handshake`); RECORD frames follow, each
sealed under the link's keys. The reader keeps at most one frame, so a stranger cannot make an end
store more than that.
"""

import struct
from collections.abc import Iterator
from enum import IntEnum
from typing import Final

HEAD: Final = struct.Struct("!BI")
PIECE_BYTES: Final = 128 * 1024
"""Most bytes of a stream in one record."""

LONGEST_PAYLOAD_BYTES: Final = PIECE_BYTES + 64
LONGEST_PLAIN_BYTES: Final = 256


class FrameKind(IntEnum):
    """The kind of a frame."""

    EXCHANGE = 1
    ANSWER = 2
    CONFIRM = 3
    RESUME = 4
    RESUMED = 5
    UNKNOWN = 6
    RECORD = 7


_KINDS: Final = {kind.value: kind for kind in FrameKind}


class BadTunnelFrame(Exception):
    """The bytes are no frame; the link is unusable."""


def encode(kind: FrameKind, payload: bytes = b"") -> bytes:
    return HEAD.pack(kind, len(payload)) + payload


class TunnelFrameReader:
    """Turns received bytes into frames."""

    def __init__(self) -> None:
        self._buffer = bytearray()

    def feed(self, data: bytes) -> Iterator[tuple[FrameKind, memoryview]]:
        """Yield the frames that *data* completes; a payload is valid until the next is asked for.

        Raises:
            BadFrame: the bytes are no frame.
        """
        self._buffer += data
        start = 0
        with memoryview(self._buffer) as view:
            while (frame := _next(view, start)) is not None:
                kind, begin, end = frame
                start = end
                with view[begin:end] as payload:
                    yield kind, payload
        del self._buffer[:start]


def _next(view: memoryview, start: int) -> tuple[FrameKind, int, int] | None:
    """The kind of the frame at *start* and where its payload lies; None while it is incomplete."""
    begin = start + HEAD.size
    if len(view) < begin:
        return None
    number, length = HEAD.unpack_from(view, start)
    kind = _KINDS.get(number)
    longest = LONGEST_PAYLOAD_BYTES if kind is FrameKind.RECORD else LONGEST_PLAIN_BYTES
    if kind is None or length > longest:
        raise BadTunnelFrame
    return (kind, begin, begin + length) if len(view) >= begin + length else None
