"""Carries one path: two connections, a pump for each direction, and the limits of its tickets.

A path ends when both directions have ended, when a connection fails, or when it carried nothing for
too long. Then both connections are closed and *on_ended* is called once; `close` does not call it.
"""

import contextlib
import socket
from collections.abc import Callable
from typing import Final

from services.relay.core.limits import IdleWatch, TokenBucket
from services.relay.data_plane.pump import Pump, PumpResources
from shared.domain.ticket import TicketLimits

HALF_CLOSED_IDLE_SECONDS: Final = 600.0
"""A half-closed path without limits: the ended side is not read, so its loss would go unnoticed."""


class Pair:
    """Two connections that carry one path of one session."""

    def __init__(
        self,
        resources: PumpResources,
        ends: tuple[socket.socket, socket.socket],
        limits: TicketLimits,
        on_ended: Callable[[], None],
    ) -> None:
        now = resources.clock.now()
        rate, idle = limits.bytes_per_second, limits.idle_seconds
        limit = TokenBucket(rate, now) if rate else None
        one, other = ends
        self._resources = resources
        self._ends = ends
        self._on_ended = on_ended
        self._closed = False
        self._pumps = (
            Pump(resources, (one, other), limit, self._on_direction_end, self._end),
            Pump(resources, (other, one), limit, self._on_direction_end, self._end),
        )
        self._idle = IdleWatch(idle, now) if idle else None
        self._cancel_check: Callable[[], None] | None = None

    @property
    def carried(self) -> int:
        """Return the bytes of both directions."""
        return sum(pump.carried for pump in self._pumps)

    def start(self) -> None:
        for pump in self._pumps:
            pump.start()
        self._check_later()

    def close(self) -> None:
        """Close both connections without calling *on_ended*; call it once."""
        assert not self._closed, "a pair was closed twice"
        self._closed = True
        if self._cancel_check is not None:
            self._cancel_check()
        for pump in self._pumps:
            pump.stop()
        for end in self._ends:
            with contextlib.suppress(OSError):
                end.close()

    def _end(self) -> None:
        self.close()
        self._on_ended()

    def _on_direction_end(self) -> None:
        if all(pump.ended for pump in self._pumps):
            self._end()
        elif self._idle is None:
            self._idle = IdleWatch(HALF_CLOSED_IDLE_SECONDS, self._resources.clock.now())
            self._check_later()

    def _check_later(self) -> None:
        if self._idle is not None:
            seconds = self._idle.check_every_seconds
            self._cancel_check = self._resources.loop.call_later(seconds, self._check_idle).cancel

    def _check_idle(self) -> None:
        assert self._idle is not None, "a path without an idle limit was watched"
        if self._idle.has_been_idle(self.carried, self._resources.clock.now()):
            self._end()
        else:
            self._check_later()
