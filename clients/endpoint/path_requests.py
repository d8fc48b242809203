"""Decides when an end without a path asks the site for others.

The first request comes soon when no relay can be reached, and later when a relay lets this end wait
(then the other end is away, or asks itself). Each further request waits twice as long.
"""

import asyncio
from collections.abc import Callable
from typing import Final

from clients.clock import now
from shared.domain.backoff import Backoff

CHECK_SECONDS: Final = 2.0
UNREACHED: Final = Backoff(CHECK_SECONDS, longest_seconds=600.0)
WAITING: Final = Backoff(first_seconds=15.0, longest_seconds=600.0)


class PathRequests:
    """One end's requests for paths, from the loss of the last one to the next that carries."""

    def __init__(
        self,
        loop: asyncio.AbstractEventLoop,
        is_needed: Callable[[], bool],
        is_waiting: Callable[[], bool],
        on_request: Callable[[], None],
    ) -> None:
        self._loop = loop
        self._is_needed = is_needed
        self._is_waiting = is_waiting
        self._on_request = on_request
        self._timer: asyncio.TimerHandle | None = None
        self._count = 0
        self._requested_at = now()

    def path_lost(self) -> None:
        """Begin the pause now, whenever the last request was: no path is left."""
        self._requested_at = now()
        self.schedule()

    def path_found(self) -> None:
        """Make the next pause the shortest again, because a path carries."""
        self._count = 0
        self.stop()

    def schedule(self) -> None:
        """Check soon whether a path is still needed."""
        self.stop()
        self._timer = self._loop.call_later(CHECK_SECONDS, self._check)

    def stop(self) -> None:
        """Check no more."""
        if self._timer is not None:
            self._timer.cancel()

    def _check(self) -> None:
        if not self._is_needed():
            return
        backoff = WAITING if self._is_waiting() else UNREACHED
        if now() >= self._requested_at + backoff.pause_seconds(self._count + 1):
            self._count += 1
            self._requested_at = now()
            self._on_request()
        self.schedule()
