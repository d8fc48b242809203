"""Decides which events of one kind are reported, so that a fault cannot flood their readers.

The first *burst* events pass, and from then on one in *seconds_each*. An event that passes says how
many were left out before it. What happens now and then is always reported in full.
"""

from collections import OrderedDict
from typing import Final

from shared.domain.ids import Instant

KEYS_KEPT: Final = 10_000


class EventBudget:
    """The events of one kind, of one session for example."""

    def __init__(self, burst: int, seconds_each: float) -> None:
        assert burst > 0, "the first event always passes"
        assert seconds_each > 0, "a budget without a pace bounds nothing"
        self._burst = burst
        self._seconds_each = seconds_each
        self._tokens = float(burst)
        self._at: Instant | None = None
        self._left_out = 0

    def take(self, now: Instant) -> int | None:
        """Return how many events were left out since the last one that passed.

        None: leave this one out too.
        """
        passed = 0.0 if self._at is None else max(0.0, now - self._at)
        self._at = now
        self._tokens = min(self._burst, self._tokens + passed / self._seconds_each)
        if self._tokens < 1:
            self._left_out += 1
            return None
        self._tokens -= 1
        left_out, self._left_out = self._left_out, 0
        return left_out


class EventBudgets:
    """An event budget for each key; beyond `KEYS_KEPT` the one used longest ago goes first."""

    def __init__(self, burst: int, seconds_each: float) -> None:
        self._burst = burst
        self._seconds_each = seconds_each
        self._budgets: OrderedDict[str, EventBudget] = OrderedDict()

    def take(self, key: str, now: Instant) -> int | None:
        """Return how many events of *key* were left out before this one; None: leave it out."""
        budget = self._budgets.pop(key, None) or EventBudget(self._burst, self._seconds_each)
        self._budgets[key] = budget
        while len(self._budgets) > KEYS_KEPT:
            self._budgets.popitem(last=False)
        return budget.take(now)
