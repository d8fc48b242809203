"""Carries one path: two connections, a pump for each direction, and the limits of its tickets.

A path ends when both directions have ended, when a connection fails or when it was silent for too
long: then both connections are closed and *on_parted* is called once. Whoever closes it knows.
"""

import contextlib
import socket
from collections.abc import Callable
from typing import Final

from services.relay.core.limits import IdleWatch, RateLimit
from services.relay.data_plane.pump import Pump, Tools
from shared.domain.ticket import TicketLimits

HALF_CLOSED_IDLE_SECONDS: Final = 600.0
"""A half-closed path without limits: the ended side is not read, so its loss would go unnoticed."""


class Pair:
    """Two connections that carry one path of one session."""

    def __init__(
        self,
        tools: Tools,
        ends: tuple[socket.socket, socket.socket],
        limits: TicketLimits,
        on_parted: Callable[[], None],
    ) -> None:
        now = tools.clock.now()
        rate, idle = limits.bytes_per_second, limits.idle_seconds
        limit = RateLimit(rate, now) if rate else None
        one, other = ends
        self._tools = tools
        self._ends = ends
        self._on_parted = on_parted
        self._closed = False
        self._pumps = (
            Pump(tools, (one, other), limit, self._on_end, self._part),
            Pump(tools, (other, one), limit, self._on_end, self._part),
        )
        self._idle = IdleWatch(idle, now) if idle else None
        self._stop_looking: Callable[[], None] | None = None

    @property
    def carried(self) -> int:
        """Bytes of both directions."""
        return sum(pump.carried for pump in self._pumps)

    def start(self) -> None:
        for pump in self._pumps:
            pump.start()
        self._look_again()

    def close(self) -> None:
        """Close both connections without a word to anybody; once is enough."""
        assert not self._closed, "a pair was closed twice"
        self._closed = True
        if self._stop_looking is not None:
            self._stop_looking()
        for pump in self._pumps:
            pump.stop()
        for end in self._ends:
            with contextlib.suppress(OSError):
                end.close()

    def _part(self) -> None:
        self.close()
        self._on_parted()

    def _on_end(self) -> None:
        if all(pump.ended for pump in self._pumps):
            self._part()
        elif self._idle is None:
            self._idle = IdleWatch(HALF_CLOSED_IDLE_SECONDS, self._tools.clock.now())
            self._look_again()

    def _look_again(self) -> None:
        if self._idle is not None:
            seconds = self._idle.look_every_seconds
            self._stop_looking = self._tools.loop.call_later(seconds, self._on_look).cancel

    def _on_look(self) -> None:
        assert self._idle is not None, "a path without an idle limit was watched"
        if self._idle.has_been_idle(self.carried, self._tools.clock.now()):
            self._part()
        else:
            self._look_again()
