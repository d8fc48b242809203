"""The lease's key as its servers hold it, what a deposed leader still answers, and its loss."""

from random import Random
from typing import Final

from services.failover_monitor.core.effects import Refusal, WriteLease
from services.failover_monitor.core.record import MISSING, Seen
from tests.simulation.failover.weather import Flaws

PAST_KEYS: Final = 5


class Bucket:
    """One key, changed by compare-and-set alone; *is_down* while it has no leader.

    *is_lost* while there is no bucket: its servers answer, and have lost their files.
    """

    def __init__(self, random: Random, flaws: Flaws) -> None:
        self._random = random
        self._flaws = flaws
        self.key = MISSING
        self.is_down = False
        self.is_lost = False
        self.was_spoilt = False
        self._last = 0
        self._past: list[Seen] = [MISSING]

    def read(self, stale: float) -> Seen | None:
        """The key, or with the chance *stale* what it held before; None without a bucket."""
        if self.is_lost:
            return None
        if stale and self._random.random() < stale:
            return self._random.choice(self._past)
        return self.key

    def write(self, call: WriteLease) -> int | Refusal:
        """Compare and set; the new revision."""
        if self.is_lost:
            return Refusal.UNKNOWN
        before = self.key.revision
        if before != call.expected:
            return before if self._flaws.duplicate_is_success else Refusal.REFUSED
        revision = max(before, self._last) + self._random.randint(1, 3)
        self._put(Seen(call.record, revision))
        return revision

    def spoil(self) -> None:
        """Somebody deletes the key, or puts what is no record into it."""
        self.was_spoilt = True
        self._put(Seen(None, self.key.revision + 1))

    def lose(self) -> None:
        """Every server loses its files, and the key with them."""
        self.is_lost = self.was_spoilt = True

    def make(self, first: int) -> None:
        """Make the bucket, empty, where it is missing; its revisions begin at *first*."""
        if self.is_lost:
            self.is_lost, self.key, self._past = False, MISSING, [MISSING]
            self._last = first - 1

    def _put(self, key: Seen) -> None:
        self.key = key
        self._past = [*self._past[1 - PAST_KEYS :], key]
