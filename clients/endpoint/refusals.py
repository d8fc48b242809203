"""Reports streams that were too many: the first at once, further ones as one count a second.

A peer may open as many streams a second as its link carries; its owner reads one line of it.
"""

import asyncio
from collections.abc import Callable
from typing import Final

PAUSE_SECONDS: Final = 1.0


class RefusalReports:
    """Counts refused streams, and calls *report* with the count."""

    def __init__(self, report: Callable[[int], None]) -> None:
        self._report = report
        self._count = 0
        self._pause: asyncio.TimerHandle | None = None

    def record(self) -> None:
        """Count one more; it is reported now, or after the pause that runs."""
        self._count += 1
        if self._pause is None:
            self._flush()

    def close(self) -> None:
        """Report what is counted, and nothing later."""
        if self._pause is not None:
            self._pause.cancel()
            self._pause = None
        if self._count:
            self._report(self._count)
            self._count = 0

    def _flush(self) -> None:
        """Report what is counted and begin the next pause; without a count there is none."""
        self._pause = None
        if self._count:
            count, self._count = self._count, 0
            self._pause = asyncio.get_running_loop().call_later(PAUSE_SECONDS, self._flush)
            self._report(count)
