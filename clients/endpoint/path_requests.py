"""Decides when an end without a path asks the site for others.

Soon when no relay can be reached, later when one lets this end wait (then the other end is away, or
asks itself), and each time twice as much later.
"""

import asyncio
from collections.abc import Callable
from typing import Final

from clients.clock import now

ASK_UNREACHED_SECONDS: Final = 2.0
ASK_ALONE_SECONDS: Final = 15.0
ASK_AT_MOST_EVERY_SECONDS: Final = 600.0


class Asking:
    """One end's wish for paths, from the loss of the last one to the next that carries."""

    def __init__(
        self,
        loop: asyncio.AbstractEventLoop,
        is_needed: Callable[[], bool],
        is_alone: Callable[[], bool],
        on_ask: Callable[[], None],
    ) -> None:
        self._loop = loop
        self._is_needed = is_needed
        self._is_alone = is_alone
        self._on_ask = on_ask
        self._timer: asyncio.TimerHandle | None = None
        self._asked = 0
        self._asked_at = now()

    def path_lost(self) -> None:
        """No path is left: what was asked before does not count."""
        self._asked_at = now()
        self.look_later()

    def path_found(self) -> None:
        """A path carries."""
        self._asked = 0
        self.stop()

    def look_later(self) -> None:
        """See soon whether a path is still needed."""
        self.stop()
        self._timer = self._loop.call_later(ASK_UNREACHED_SECONDS, self._look)

    def stop(self) -> None:
        if self._timer is not None:
            self._timer.cancel()

    def _look(self) -> None:
        if not self._is_needed():
            return
        pause = ASK_ALONE_SECONDS if self._is_alone() else ASK_UNREACHED_SECONDS
        if now() >= self._asked_at + min(pause * 2**self._asked, ASK_AT_MOST_EVERY_SECONDS):
            self._asked += 1
            self._asked_at = now()
            self._on_ask()
        self.look_later()
