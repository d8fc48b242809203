"""A queue of actions in the order of true time; no time passes while one runs."""

import heapq
from collections.abc import Callable
from typing import Any


class EventQueue:
    """The actions of one world: functions with their arguments, so that none needs a closure."""

    def __init__(self) -> None:
        self.now = 0.0
        self._queue: list[tuple[float, int, Callable[..., None], tuple[Any, ...]]] = []
        self._count = 0

    def at(self, when: float, action: Callable[..., None], *args: Any) -> None:
        """Do *action* when true time is *when*; what is due at one time is done in order."""
        self._count += 1
        heapq.heappush(self._queue, (when, self._count, action, args))

    def run(self, until: float) -> None:
        """Let everything happen that is due by *until*."""
        queue, pop = self._queue, heapq.heappop
        while queue and queue[0][0] <= until:
            self.now, _, action, args = pop(queue)
            action(*args)
        self.now = until
