"""The lease's key as its servers hold it, what a deposed leader still answers, and its loss.

Whoever reaches the servers may write junk into the key: anything, a copy of a record that was once
signed, or nothing at all. A server keeps, with each message, the revision that it compared, and the
store recognises a copy by that; here it is done where the copy is put.
"""

from random import Random
from typing import Final

from services.failover_monitor.core.effects import WriteLease
from services.failover_monitor.core.facts import WriteFailure
from services.failover_monitor.core.record import KeyState, LeaseRecord
from tests.simulation.failover.faults import Flaws

PAST_KEYS: Final = 5
KNOWN_RECORDS: Final = 40
EMPTY: Final = KeyState(None, 1)
"""What the first read finds, and makes where it is missing."""


class Bucket:
    """One key, changed by compare-and-set alone; *is_down* while it has no leader.

    *is_lost* while there is no bucket: its servers answer, and have lost their files. *hides* while
    somebody writes junk over each record before anybody reads it.
    """

    def __init__(self, random: Random, flaws: Flaws) -> None:
        self._random = random
        self._flaws = flaws
        self.key = EMPTY
        self.is_down = False
        self.is_lost = False
        self.was_spoilt = False
        self.hides = False
        self.flooded_until = 0.0
        self._is_purged = False
        self._past: list[KeyState] = [EMPTY]
        self.known: list[LeaseRecord] = []

    def read(self, stale: float) -> KeyState | None:
        """The key, or with the chance *stale* what it held before; None without a bucket."""
        if self.is_lost:
            return None
        if stale and self._random.random() < stale:
            return self._random.choice(self._past)
        if self._is_purged:
            self._put(KeyState(None, self._next()))
        return self.key

    def sent(self, record: LeaseRecord) -> None:
        """*record* was signed and sent: whoever listens has it, also if it never arrives."""
        self.known = [*self.known[1 - KNOWN_RECORDS :], record]

    def write(self, call: WriteLease) -> int | WriteFailure:
        """Compare and set; the new revision."""
        if self.is_lost:
            return WriteFailure.UNKNOWN
        before = self.key.revision
        if self._is_purged or before != call.expected:
            return before if self._flaws.duplicate_is_success else WriteFailure.REFUSED
        revision = self._next()
        self._put(KeyState(call.record, revision))
        if self.hides:
            self.put_junk()
        return revision

    def put_junk(self) -> None:
        """Somebody puts what is no record into the key, or deletes it and leaves a position."""
        self._spoil(None)

    def put_copy(self, instance: str = "") -> None:
        """Somebody puts a record there again that was signed once, and asks for a comparison.

        It is the last of *instance*, or anyone's.
        """
        known = [each for each in self.known if each.instance == instance][-1:] or self.known
        if not known:
            return
        copy = self._random.choice(known)
        is_in_place = self._flaws.copies_count or copy.replaces == self.key.revision
        self._spoil(copy if is_in_place else None)

    def purge(self) -> None:
        """Somebody deletes the key, and nothing is left of it until it is read."""
        self._is_purged = self.was_spoilt = True

    def _spoil(self, record: LeaseRecord | None) -> None:
        self.was_spoilt = True
        if not self.is_lost:
            self._put(KeyState(record, self._next()))

    def lose(self) -> None:
        """Every server loses its files, and the key with them."""
        self.is_lost = self.was_spoilt = True

    def make(self, first: int) -> None:
        """Make the bucket, empty, where it is missing; its revisions begin at *first*."""
        if self.is_lost:
            self.is_lost, self._is_purged = False, False
            self.key = KeyState(None, first)
            self._past = [self.key]

    def _next(self) -> int:
        return self.key.revision + self._random.randint(1, 3)

    def _put(self, key: KeyState) -> None:
        self.key, self._is_purged = key, False
        self._past = [*self._past[1 - PAST_KEYS :], key]
