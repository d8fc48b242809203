"""Keeps every frame of the tunnel until the other end has acknowledged it.

Frames make one stream of bytes; a frame's place in it is its offset, and offsets never change.
Frames that were given to a link that broke are given to the next link, from the offset that the
other end claims. **A claim must lie between what is acknowledged and what was sent**, and at the
end of a frame: anything else means that the two ends do not have the same stream.
"""

import struct
from collections import deque
from typing import Final

LIMIT_BYTES: Final = 8 * 1024 * 1024
PREFIX: Final = struct.Struct("!BQI")
"""Kind, offset, stream: what every frame begins with."""


class BadClaim(Exception):
    """The other end claims an offset that it cannot have reached."""


class Outbox:
    """The frames of one end that are not acknowledged yet."""

    def __init__(self, limit_bytes: int = LIMIT_BYTES) -> None:
        self.acknowledged = 0
        self.sent = 0
        self.appended = 0
        self._limit_bytes = limit_bytes
        self._unacknowledged: deque[bytes] = deque()
        self._waiting: deque[bytes] = deque()

    @property
    def has_room(self) -> bool:
        """Say whether more data may be appended; control frames always may."""
        return self.appended - self.acknowledged < self._limit_bytes

    def append(self, kind: int, stream: int, payload: bytes | memoryview = b"") -> None:
        """Put a frame at the end of the stream."""
        frame = b"".join((PREFIX.pack(kind, self.appended, stream), payload))
        self._waiting.append(frame)
        self.appended += len(frame)

    def next(self) -> bytes | None:
        """The next frame for the link, or None."""
        if not self._waiting:
            return None
        frame = self._waiting.popleft()
        self._unacknowledged.append(frame)
        self.sent += len(frame)
        return frame

    def acknowledge(self, offset: int) -> None:
        """Forget everything before *offset*, which the other end has received.

        Raises:
            BadClaim: the other end cannot have received it.
        """
        if not self.acknowledged <= offset <= self.sent:
            raise BadClaim(f"{offset} is not between {self.acknowledged} and {self.sent}")
        while self.acknowledged < offset:
            self.acknowledged += len(self._unacknowledged.popleft())
        if self.acknowledged != offset:
            raise BadClaim(f"{offset} is not the end of a frame")

    def rewind(self, offset: int) -> None:
        """Begin at *offset* on a new link: all frames after it are sent again.

        Raises:
            BadClaim: the other end cannot have reached *offset*.
        """
        self.acknowledge(offset)
        self._waiting.extendleft(reversed(self._unacknowledged))
        self._unacknowledged.clear()
        self.sent = offset
