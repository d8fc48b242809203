"""The pace and the numbers of those who stamp."""

import asyncio
import itertools
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Final

STAMP_SECONDS: Final = 0.005
"""So often a writer would write; who is slower begins its next stamp at once."""


@dataclass
class Pace:
    """The next number, and when it may be written."""

    numbers: Iterator[int] = field(default_factory=lambda: itertools.count(1))
    _next: float = 0.0

    async def number(self) -> int:
        """Wait until the next stamp is due; its number."""
        now = time.monotonic()
        if now < self._next:
            await asyncio.sleep(self._next - now)
        self._next = max(now, self._next) + STAMP_SECONDS
        return next(self.numbers)
