"""Tracks how a holder hands its role over, as both sides see it.

An operator orders it, or the holder is sick and another master is ready.

The holder stops acting but goes on renewing, so that the lease is never free. Then one
compare-and-set on its own last revision names the successor. The successor has prepared that record
and awaits it as if it had sent it itself, at the moment when it reported it. The record
therefore counts from that moment, like every record, and the laws of the lease hold unchanged.

Keeps the law that there is no moment with two primaries. The holder sends the record only while it
is paused. It acts again only when a *new* compare-and-set on its own last revision, sent after it
decided to resume, succeeded: that proves that the record has not landed and never will.
"""

from dataclasses import dataclass
from typing import Final

from services.failover_monitor.core.effects import Grant, WriteLease
from services.failover_monitor.core.lease import Lease
from services.failover_monitor.core.record import Holder
from services.failover_monitor.core.timing import NEVER
from shared.domain.ids import Epoch, Instant

PATIENCE_SECONDS: Final = 5.0
"""A paused holder resumes by itself so long after its last grant, if it was not resumed before."""


@dataclass(frozen=True, slots=True)
class PreparedRecord:
    """The record that a successor awaits in the key: of its own process, with number *n*."""

    holder: Holder
    n: int


class Handover:
    """The pause of the holder: for which successor, and whether the holder wants to resume."""

    def __init__(self, lease: Lease) -> None:
        self._lease = lease
        self._until = NEVER
        self._resumes_at = NEVER
        self._successor: PreparedRecord | None = None
        self._expected: dict[int, str] = {}
        self._is_paused = False
        self._call_at = NEVER

    @property
    def is_paused(self) -> bool:
        """Say whether the holder has stopped acting."""
        return self._is_paused

    @property
    def call_at(self) -> Instant:
        """Return when the key is to be read or written out of turn."""
        return self._call_at

    def record_call(self) -> None:
        """Note that a call to the key begins: no other is due out of turn."""
        self._call_at = NEVER

    def prepare(self, now: Instant, why: str) -> PreparedRecord:
        """Await a record of this process that the present holder will write.

        *why* is what is wrong with the holder; empty when an operator ordered it.
        """
        n = self._lease.await_record(now)
        self._expected[n] = why
        return PreparedRecord(self._lease.holder, n)

    def why_prepared(self, n: int) -> str | None:
        """Return why another master was to write record *n*; None when it was not to."""
        return self._expected.get(n)

    def expect_role(self, now: Instant) -> None:
        """Read the key at once: the holder reports that it named this master."""
        self._call_at = now

    def pause(self, now: Instant) -> tuple[Grant, ...]:
        """Stop acting, and keep the lease."""
        assert self._lease.is_valid(now), "only who acts can stop"
        self._is_paused, self._resumes_at = True, NEVER
        self._until = _after(self._lease.valid_until)
        self._successor = None
        return (Grant(self._lease.epoch, self._lease.valid_until, paused=True),)

    def name_successor(self, successor: PreparedRecord, now: Instant) -> bool:
        """Write *successor* into the key as soon as no other call is under way.

        False when it is too late: the role is over, or the holder resumes.
        """
        if not self._is_paused or self._resumes_at != NEVER:
            return False
        self._successor, self._call_at = successor, now
        return True

    def resume(self, now: Instant) -> None:
        """Act again, once a renewal that is sent from now on has succeeded."""
        if self._is_paused and self._resumes_at == NEVER:
            self._successor, self._resumes_at, self._call_at = None, now, now

    def transfer(self, epoch: Epoch, now: Instant) -> WriteLease | None:
        """Build the compare-and-set that names the successor, once, if the lease is still valid."""
        if now >= self._until:
            self.resume(now)
        successor, self._successor = self._successor, None
        if successor is None or not self._lease.is_valid(now):
            return None
        return self._lease.transfer(epoch, successor.holder, successor.n)

    def record_renewal(self, sent_at: Instant) -> None:
        """Note that a renewal of this process, sent *sent_at*, is in the key."""
        if sent_at >= self._resumes_at:
            self.clear()

    def clear(self) -> None:
        """Forget the handover: the role is over, or goes on."""
        self._is_paused, self._successor = False, None
        self._until = self._resumes_at = NEVER


def _after(now: Instant) -> Instant:
    return Instant(now + PATIENCE_SECONDS)
