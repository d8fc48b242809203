"""What happens when: deeds in the order of true time, and no time passes in between."""

import heapq
from collections.abc import Callable
from typing import Any


class Clockwork:
    """The events of one world; a deed is a function and its words, so that none needs a closure."""

    def __init__(self) -> None:
        self.now = 0.0
        self._queue: list[tuple[float, int, Callable[..., None], tuple[Any, ...]]] = []
        self._count = 0

    def at(self, when: float, deed: Callable[..., None], *words: Any) -> None:
        """Do *deed* when true time is *when*; what is due at one time is done in order."""
        self._count += 1
        heapq.heappush(self._queue, (when, self._count, deed, words))

    def run(self, until: float) -> None:
        """Let everything happen that is due by *until*."""
        queue, pop = self._queue, heapq.heappop
        while queue and queue[0][0] <= until:
            self.now, _, deed, words = pop(queue)
            deed(*words)
        self.now = until
