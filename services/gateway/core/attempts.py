"""How often somebody may be wrong before waiting.

A key (a user's name, a client's address) may fail *limit* times within *window_seconds*; from
then on it is refused until the oldest failure has left the window. Memory is bounded: the
oldest key goes when there are too many.
"""

from collections import OrderedDict, deque
from typing import Final

from shared.domain.errors import TooManyAttempts
from shared.domain.ids import Instant

KEYS_KEPT: Final = 10_000


class Attempts:
    """Failures by key within a sliding window."""

    def __init__(self, *, limit: int, window_seconds: float) -> None:
        assert limit > 0, "a limit of nothing refuses everybody"
        assert window_seconds > 0, "a window has a length"
        self._limit = limit
        self._window = window_seconds
        self._failures: OrderedDict[str, deque[Instant]] = OrderedDict()

    def require(self, key: str, now: Instant) -> None:
        """Let *key* try once more.

        Raises:
            TooManyAttempts: it failed too often; `retry_after_seconds` says how long to wait.
        """
        failures = self._recent(key, now)
        if len(failures) >= self._limit:
            wait = max(1, round(failures[0] + self._window - now))
            raise TooManyAttempts(
                f"too many wrong attempts; try again in {wait} s", retry_after_seconds=wait
            )

    def failed(self, key: str, now: Instant) -> None:
        """Remember that *key* was wrong at *now*."""
        failures = self._recent(key, now)
        failures.append(now)
        self._failures[key] = failures
        self._failures.move_to_end(key)
        while len(self._failures) > KEYS_KEPT:
            self._failures.popitem(last=False)

    def succeeded(self, key: str) -> None:
        """Forget the failures of *key*."""
        self._failures.pop(key, None)

    def _recent(self, key: str, now: Instant) -> deque[Instant]:
        failures = self._failures.get(key, deque())
        while failures and failures[0] + self._window <= now:
            failures.popleft()
        return failures
