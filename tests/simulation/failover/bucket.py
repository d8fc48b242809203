"""The lease's key in a bad world: what a deposed leader still answers, floods of junk, its loss."""

from random import Random
from typing import Final

from services.failover_monitor.core.effects import WriteLease
from services.failover_monitor.core.facts import WriteFailure
from services.failover_monitor.core.record import KeyState, LeaseRecord
from tests.fakes.lease import EMPTY, LeaseKey
from tests.simulation.failover.faults import Flaws

PAST_KEYS: Final = 5
KNOWN_RECORDS: Final = 40


class Bucket(LeaseKey):
    """The key of a world; *is_down* while it has no leader.

    *hides* while somebody writes junk over each record before anybody reads it.
    """

    def __init__(self, random: Random, flaws: Flaws) -> None:
        super().__init__()
        self._random = random
        self._flaws = flaws
        self.is_down = False
        self.was_spoilt = False
        self.hides = False
        self.flooded_until = 0.0
        self._past: list[KeyState] = [EMPTY]
        self.known: list[LeaseRecord] = []

    def read_at(self, stale: float) -> KeyState | None:
        """The key, or with the chance *stale* what it held before; None without a bucket."""
        if not self.is_lost and stale and self._random.random() < stale:
            return self._random.choice(self._past)
        return self.read()

    def sent(self, record: LeaseRecord) -> None:
        """*record* was signed and sent: whoever listens has it, also if it never arrives."""
        self.known = [*self.known[1 - KNOWN_RECORDS :], record]

    def write_call(self, call: WriteLease) -> int | WriteFailure:
        """Compare and set; the new revision."""
        before = self.key.revision
        outcome = self.write(call.record, call.expected)
        if outcome is WriteFailure.REFUSED and self._flaws.duplicate_is_success:
            return before
        if self.hides and not isinstance(outcome, WriteFailure):
            self.put_junk()
        return outcome

    def put_junk(self) -> None:
        """Somebody puts what is no record into the key, or deletes it and leaves a position."""
        self.was_spoilt = True
        self.spoil(None)

    def put_copy(self, instance: str = "") -> None:
        """Somebody puts a record there again that was signed once, and asks for a comparison.

        It is the last of *instance*, or anyone's.
        """
        known = [each for each in self.known if each.instance == instance][-1:] or self.known
        if not known:
            return
        copy = self._random.choice(known)
        self.was_spoilt = True
        if self._flaws.copies_count and not self.is_lost:
            self.put(KeyState(copy, self.next_revision()))
        else:
            self.spoil(copy)

    def purge(self) -> None:
        self.was_spoilt = True
        super().purge()

    def lose(self) -> None:
        """Every server loses its files, and the key with them."""
        self.is_lost = self.was_spoilt = True

    def make(self, first: int) -> None:
        if self.is_lost:
            self._past = []
        super().make(first)

    def next_revision(self) -> int:
        return self.key.revision + self._random.randint(1, 3)

    def put(self, key: KeyState) -> None:
        super().put(key)
        self._past = [*self._past[1 - PAST_KEYS :], key]
