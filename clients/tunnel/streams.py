"""Decides how forwarded connections share the tunnel: opening, windows, half-close, reset.

Only the representative's end opens streams; an opening names no address, so the customer's end
connects to the one address that its owner shared and to nothing else. Each direction of a stream
may carry `WINDOW_BYTES` that its receiver has not delivered yet; delivered bytes are given back as
credit. So a slow receiver stops its own sender, and no other stream. Half-close is a frame.

**A peer that breaks these rules ends the tunnel**: it is authenticated, so it is not the network.
So does a peer that opens streams without taking the answers: they would pile up in the outbox.
Streams with something to send take turns, one piece each.
"""

import struct
from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass, field
from enum import IntEnum
from typing import Final

from clients.tunnel.effects import (
    StreamData,
    StreamEffect,
    StreamFinished,
    StreamId,
    StreamOpened,
    StreamRefused,
    StreamReset,
    StreamWritable,
)
from clients.tunnel.frames import PIECE_BYTES
from clients.tunnel.outbox import LIMIT_BYTES, Outbox
from shared.domain.node import Side

WINDOW_BYTES: Final = 4 * 1024 * 1024
CREDIT_BYTES: Final = WINDOW_BYTES // 4
"""Credit is given back in portions of at least this."""

PENDING_BYTES: Final = 256 * 1024
"""A stream takes no more bytes while this many wait for credit or for a path."""

STREAMS_AT_ONCE: Final = 256
UNTAKEN_BYTES: Final = LIMIT_BYTES + 2 * 1024 * 1024
"""Frames that a peer may leave unacknowledged while it opens streams; a slow one leaves less."""

LONGEST_REASON_BYTES: Final = 500
_COUNT: Final = struct.Struct("!I")


class StreamFrame(IntEnum):
    """The kinds of frames of a stream."""

    OPEN = 16
    DATA = 17
    CREDIT = 18
    FINISH = 19
    RESET = 20


class BadStream(Exception):
    """The other end broke a rule of streams."""


@dataclass(slots=True)
class _Stream:
    send_credit: int = WINDOW_BYTES
    receive_credit: int = WINDOW_BYTES
    delivered: int = 0
    pending: deque[memoryview] = field(default_factory=deque[memoryview])
    pending_bytes: int = 0
    was_full: bool = False
    is_finishing: bool = False
    local_finished: bool = False
    remote_finished: bool = False


class Streams:
    """The streams of one end.

    Calls of this end's program put frames into the outbox; the tunnel sends them with its next
    flush. A call for a stream that is over does nothing: the other end's reset may be on its way.
    """

    def __init__(self, side: Side, outbox: Outbox) -> None:
        self._may_open = side is Side.REPRESENTATIVE
        self._outbox = outbox
        self._streams: dict[StreamId, _Stream] = {}
        self._ready: dict[StreamId, None] = {}
        """The streams that wait for their turn, in order."""

        self._last = StreamId(0)
        self.takes_new = True
        """Whether this end's program may open streams now."""

    def __len__(self) -> int:
        return len(self._streams)

    def open(self) -> StreamId | None:
        """Open a stream; None when there are too many, or new ones are refused."""
        assert self._may_open, "only the representative's end opens streams"
        if not self.takes_new or len(self._streams) >= STREAMS_AT_ONCE:
            return None
        stream = self._begin()
        self._append(StreamFrame.OPEN, stream)
        return stream

    def send(self, stream: StreamId, data: bytes) -> None:
        """Queue all of *data*; call `takes_more` before sending more."""
        state = self._streams.get(stream)
        if state is None or not data:
            return
        assert not state.is_finishing, "bytes after the end of a stream"
        state.pending.append(memoryview(data))
        state.pending_bytes += len(data)
        self._schedule(stream, state)

    def takes_more(self, stream: StreamId) -> bool:
        """Say whether *stream* takes more bytes; if not, `StreamWritable` follows when it does."""
        state = self._streams.get(stream)
        if state is None or state.pending_bytes < PENDING_BYTES:
            return True
        state.was_full = True
        return False

    def finish(self, stream: StreamId) -> None:
        """End this end's half of the stream after all its bytes."""
        state = self._streams.get(stream)
        if state is not None and not state.is_finishing:
            state.is_finishing = True
            self._finish_when_empty(stream, state)

    def reset(self, stream: StreamId, reason: str) -> None:
        """Break the stream at both ends."""
        if self._forget(stream):
            self._append(StreamFrame.RESET, stream, reason.encode()[:LONGEST_REASON_BYTES])

    def break_all(self, reason: str) -> list[StreamReset]:
        """Break every stream at both ends, and return what this end's program is to know of it."""
        broken = list(self._streams)
        for stream in broken:
            self.reset(stream, reason)
        return [StreamReset(stream, reason) for stream in broken]

    def consumed(self, stream: StreamId, count: int) -> None:
        """Give back credit for *count* bytes of received data that were delivered."""
        state = self._streams.get(stream)
        if state is None or state.remote_finished:
            return
        state.delivered += count
        if state.delivered >= CREDIT_BYTES:
            self._append(StreamFrame.CREDIT, stream, _COUNT.pack(state.delivered))
            state.receive_credit += state.delivered
            state.delivered = 0

    def fill(self) -> bool:
        """Move one piece of the next stream into the outbox; False if nothing can be moved."""
        if not self._ready or not self._outbox.has_room:
            return False
        stream = next(iter(self._ready))
        del self._ready[stream]
        state = self._streams[stream]
        self._move_piece(stream, state)
        self._schedule(stream, state)
        self._finish_when_empty(stream, state)
        return True

    def writable(self) -> Iterator[StreamWritable]:
        """Yield the streams that take bytes again, each once."""
        for stream, state in self._streams.items():
            if state.was_full and state.pending_bytes < PENDING_BYTES // 2:
                state.was_full = False
                yield StreamWritable(stream)

    def received(self, kind: int, number: int, payload: memoryview) -> StreamEffect | None:
        """Process one frame of the other end, in order.

        Raises:
            BadStream: it breaks a rule.
        """
        stream = StreamId(number)
        if kind == StreamFrame.OPEN:
            return self._on_open(stream)
        if not 0 < stream <= self._last:
            raise BadStream(f"stream {stream} was never opened")
        state = self._streams.get(stream)
        if state is None:
            return None
        match kind:
            case StreamFrame.DATA:
                return _on_data(stream, state, payload)
            case StreamFrame.CREDIT:
                self._on_credit(stream, state, payload)
                return None
            case StreamFrame.FINISH:
                return self._on_finish(stream, state)
            case StreamFrame.RESET:
                self._forget(stream)
                reason = bytes(payload[:LONGEST_REASON_BYTES]).decode(errors="replace")
                return StreamReset(stream, reason)
            case _:
                raise BadStream(f"frame {kind} is unknown")

    def _on_open(self, stream: StreamId) -> StreamOpened | StreamRefused:
        if self._may_open or stream != self._last + 1:
            raise BadStream(f"stream {stream} may not be opened")
        if self._outbox.appended - self._outbox.acknowledged > UNTAKEN_BYTES:
            raise BadStream("streams are opened, and the answers are not taken")
        if len(self._streams) >= STREAMS_AT_ONCE:
            self._last = stream
            self._append(StreamFrame.RESET, stream, b"too many connections at once")
            return StreamRefused(stream)
        return StreamOpened(self._begin())

    def _on_credit(self, stream: StreamId, state: _Stream, payload: memoryview) -> None:
        if len(payload) != _COUNT.size:
            raise BadStream("credit without a count")
        (count,) = _COUNT.unpack(payload)
        state.send_credit += count
        if state.send_credit > WINDOW_BYTES:
            raise BadStream(f"stream {stream} got more credit than its window")
        self._schedule(stream, state)

    def _on_finish(self, stream: StreamId, state: _Stream) -> StreamFinished:
        if state.remote_finished:
            raise BadStream(f"stream {stream} ended twice")
        state.remote_finished = True
        self._forget_when_over(stream, state)
        return StreamFinished(stream)

    def _begin(self) -> StreamId:
        self._last = StreamId(self._last + 1)
        self._streams[self._last] = _Stream()
        return self._last

    def _schedule(self, stream: StreamId, state: _Stream) -> None:
        """Give *stream* a turn when it can use one."""
        if state.pending and state.send_credit:
            self._ready.setdefault(stream)

    def _move_piece(self, stream: StreamId, state: _Stream) -> None:
        data = state.pending[0]
        size = min(len(data), PIECE_BYTES, state.send_credit)
        if size == len(data):
            state.pending.popleft()
        else:
            state.pending[0] = data[size:]
        state.pending_bytes -= size
        state.send_credit -= size
        self._append(StreamFrame.DATA, stream, data[:size])

    def _finish_when_empty(self, stream: StreamId, state: _Stream) -> None:
        if state.is_finishing and not state.local_finished and not state.pending:
            state.local_finished = True
            self._append(StreamFrame.FINISH, stream)
            self._forget_when_over(stream, state)

    def _forget_when_over(self, stream: StreamId, state: _Stream) -> None:
        if state.local_finished and state.remote_finished:
            self._forget(stream)

    def _forget(self, stream: StreamId) -> bool:
        """Forget *stream* and its turn; False when it was over already."""
        self._ready.pop(stream, None)
        return self._streams.pop(stream, None) is not None

    def _append(
        self, kind: StreamFrame, stream: StreamId, payload: bytes | memoryview = b""
    ) -> None:
        self._outbox.append(kind, stream, payload)


def _on_data(stream: StreamId, state: _Stream, payload: memoryview) -> StreamData:
    if state.remote_finished:
        raise BadStream(f"stream {stream} sent bytes after its end")
    state.receive_credit -= len(payload)
    if state.receive_credit < 0:
        raise BadStream(f"stream {stream} sent more than its window")
    return StreamData(stream, payload)
