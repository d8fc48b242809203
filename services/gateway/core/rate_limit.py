"""Limits the rate of events by key, over a sliding window.

The caller decides what counts: each call of an address, or only each wrong password of a user.
When *limit* events of a key lie within *window_seconds*, the key is refused until the oldest of
them has left the window. Memory is bounded: the key that was counted longest ago goes first.
"""

from collections import OrderedDict, deque
from typing import Final

from shared.domain.errors import TooManyAttempts
from shared.domain.ids import Instant

KEYS_KEPT: Final = 10_000


class RateLimit:
    """Counts events by key within a sliding window and refuses a key with too many."""

    def __init__(self, *, limit: int, window_seconds: float) -> None:
        assert limit > 0, "a limit of nothing refuses everybody"
        assert window_seconds > 0, "a window has a length"
        self._limit = limit
        self._window = window_seconds
        self._events: OrderedDict[str, deque[Instant]] = OrderedDict()

    def require(self, key: str, now: Instant) -> None:
        """Let *key* pass while it is below the limit.

        Raises:
            TooManyAttempts: it reached the limit; `retry_after_seconds` says how long to wait.
        """
        events = self._recent(key, now)
        if len(events) >= self._limit:
            wait = max(1, round(events[0] + self._window - now))
            raise TooManyAttempts(
                f"too many attempts; try again in {wait} s", retry_after_seconds=wait
            )

    def count(self, key: str, now: Instant) -> None:
        """Count one event of *key* at *now*."""
        events = self._recent(key, now)
        events.append(now)
        self._events[key] = events
        self._events.move_to_end(key)
        while len(self._events) > KEYS_KEPT:
            self._events.popitem(last=False)

    def forget(self, key: str) -> None:
        """Forget every event of *key*."""
        self._events.pop(key, None)

    def _recent(self, key: str, now: Instant) -> deque[Instant]:
        events = self._events.get(key, deque())
        while events and events[0] + self._window <= now:
            events.popleft()
        return events
