"""Carries the bytes of one direction, from one socket to another, in order and unread.

Small messages are copied through one shared buffer (two system calls). When a read fills the
buffer, `splice` moves the bytes through a pipe and they never enter this process, until a turn
moves little again. **Back-pressure is not reading**: while the target is full or the path has no
tokens, the source's readable events are off. After its last byte, the end of the source is carried
over as a half-close.
"""

import asyncio
import os
import socket
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Final, Protocol

from services.relay.core.limits import TokenBucket
from services.relay.data_plane.pipes import CAN_SPLICE, Pipe, PipePool
from shared.domain.ids import Instant
from shared.runtime.containment import Containment

COPY_BYTES: Final = 16 * 1024
SPLICE_BYTES: Final = 512 * 1024
TURN_BYTES: Final = 2 * 1024 * 1024
"""Most bytes of one direction in one turn; then the other directions get theirs."""


class Clock(Protocol):
    """The clock by which a path with limits measures."""

    def now(self) -> Instant: ...


@dataclass
class PumpResources:
    """The resources that all pumps of one relay share; the data plane sets *loop* when it opens."""

    clock: Clock
    containment: Containment
    loop: asyncio.AbstractEventLoop = field(init=False)
    pipes: PipePool = field(default_factory=PipePool)
    buffer: memoryview = field(default_factory=lambda: memoryview(bytearray(COPY_BYTES)))
    bytes_carried: int = 0


class Pump:
    """One direction of a pair.

    *on_end* is called once when the source has ended and everything is delivered, *on_broken*
    when either socket failed; `carried` counts delivered and pending bytes.
    """

    def __init__(
        self,
        resources: PumpResources,
        ends: tuple[socket.socket, socket.socket],
        limit: TokenBucket | None,
        on_end: Callable[[], None],
        on_broken: Callable[[], None],
    ) -> None:
        self.carried = 0
        self.ended = False
        self._resources = resources
        self._source, self._target = ends
        self._limit = limit
        self._on_end = on_end
        self._on_broken = on_broken
        self._bulk = False
        self._rest = b""
        self._pipe: Pipe | None = None
        self._pause: asyncio.TimerHandle | None = None

    def start(self) -> None:
        self._resources.loop.add_reader(self._source.fileno(), self._on_readable)

    def stop(self) -> None:
        """Leave both sockets alone for good; bytes still pending are lost with the path."""
        self._resources.loop.remove_reader(self._source.fileno())
        self._resources.loop.remove_writer(self._target.fileno())
        if self._pause is not None:
            self._pause.cancel()
        self._release()

    def _on_readable(self) -> None:
        allowed = self._allowed()
        if allowed == 0:
            return
        try:
            if self._bulk:
                self._splice(allowed)
            else:
                self._copy(allowed)
        except (BlockingIOError, InterruptedError):
            self._release()
        except OSError:
            self._on_broken()
        except Exception as error:  # noqa: BLE001 (one path ends, and no other)
            self._resources.containment.fault("path", "", error)
            self._on_broken()

    def _on_writable(self) -> None:
        try:
            if not self._deliver():
                return
        except OSError:
            self._on_broken()
            return
        self._resources.loop.remove_writer(self._target.fileno())
        self.start()

    def _copy(self, allowed: int) -> None:
        view = self._resources.buffer[:allowed]
        count = self._source.recv_into(view)
        if count == 0:
            self._finish()
            return
        self._count(count)
        sent = self._send(view[:count])
        if sent < count:
            self._rest = bytes(view[sent:count])
            self._wait_for_target()
        elif count == COPY_BYTES:
            self._bulk = CAN_SPLICE

    def _splice(self, allowed: int) -> None:
        """Move bytes until the source is dry (BlockingIOError), or the turn or tokens are over."""
        if self._pipe is None:
            self._pipe = self._resources.pipes.take()
        if self._pipe is None:
            self._copy(allowed)
            return
        left = allowed
        self._bulk = False
        while left > 0:
            count = os.splice(
                self._source.fileno(), self._pipe.sink, min(left, SPLICE_BYTES), flags=_SPLICE
            )
            if count == 0:
                self._finish()
                return
            self._pipe.filled = count
            self._count(count)
            left -= count
            self._bulk = self._bulk or count >= COPY_BYTES
            if not self._deliver():
                self._wait_for_target()
                return

    def _deliver(self) -> bool:
        """Push what is pending into the target; False when it takes no more for now."""
        if self._rest:
            self._rest = self._rest[self._send(memoryview(self._rest)) :]
        pipe = self._pipe
        while pipe is not None and pipe.filled:
            try:
                pipe.filled -= os.splice(
                    pipe.source, self._target.fileno(), pipe.filled, flags=_SPLICE
                )
            except (BlockingIOError, InterruptedError):
                return False
        return not self._rest

    def _send(self, view: memoryview) -> int:
        try:
            return self._target.send(view)
        except (BlockingIOError, InterruptedError):
            return 0

    def _wait_for_target(self) -> None:
        self._resources.loop.remove_reader(self._source.fileno())
        self._resources.loop.add_writer(self._target.fileno(), self._on_writable)

    def _finish(self) -> None:
        self._resources.loop.remove_reader(self._source.fileno())
        self._release()
        self._target.shutdown(socket.SHUT_WR)
        self.ended = True
        self._on_end()

    def _release(self) -> None:
        if self._pipe is not None:
            self._resources.pipes.give_back(self._pipe)
            self._pipe = None

    def _count(self, count: int) -> None:
        self.carried += count
        self._resources.bytes_carried += count
        if self._limit is not None:
            self._limit.spend(count)

    def _allowed(self) -> int:
        """Return how many bytes may be read now; 0 after arranging to come again later."""
        if self._limit is None:
            return TURN_BYTES
        allowed = self._limit.available(self._resources.clock.now())
        if allowed == 0:
            self._resources.loop.remove_reader(self._source.fileno())
            self._pause = self._resources.loop.call_later(self._limit.pause_seconds(), self.start)
        return allowed


_SPLICE: Final = (os.SPLICE_F_MOVE | os.SPLICE_F_NONBLOCK) if CAN_SPLICE else 0
