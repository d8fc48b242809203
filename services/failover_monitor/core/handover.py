"""A planned change of primary, as both of its sides see it.

The holder stops acting, and goes on renewing so that the lease is never free; then one
compare-and-set on its own last revision names the other. That record is one which the other has
prepared: it awaits it as if it had sent it itself, at the moment when it said so. So it counts from
then, like every record, and what no law of the lease knew before it need not know now.

Keeps the law that there is no moment with two primaries: the record is sent only while the holder
has stopped, and it acts again only when a *new* compare-and-set on its own last revision succeeded
after it decided to, which proves that the record has not landed and never will.
"""

from dataclasses import dataclass
from typing import Final

from services.failover_monitor.core.effects import Grant, WriteLease
from services.failover_monitor.core.lease import Holder, Lease
from shared.domain.ids import Epoch, Instant

PATIENCE_SECONDS: Final = 5.0
"""A holder that stopped and was then forgotten acts again after so long."""

NEVER: Final = Instant(float("inf"))


@dataclass(frozen=True, slots=True)
class Prepared:
    """What a master awaits in the key: a record of its process, with this number."""

    holder: Holder
    n: int


class Handover:
    """Whether the holder has stopped, for whom, and whether it wants to go on."""

    def __init__(self, lease: Lease) -> None:
        self._lease = lease
        self._until = NEVER
        self._resumes_at = NEVER
        self._successor: Prepared | None = None
        self._expected: set[int] = set()
        self.has_stopped = False
        self.urgent_at = NEVER
        """When the key is to be called out of turn."""

    def prepare(self, now: Instant) -> Prepared:
        """Await a record of this process that the present holder will write."""
        n = self._lease.expect(now)
        self._expected.add(n)
        return Prepared(self._lease.holder, n)

    def is_planned(self, n: int) -> bool:
        """Whether record *n* of this process was prepared for another to write."""
        return n in self._expected

    def told(self, now: Instant) -> None:
        """The holder says that it named this master: look at once."""
        self.urgent_at = now

    def stop(self, now: Instant) -> tuple[Grant, ...]:
        """Act no more; the lease is kept."""
        assert self._lease.is_valid(now), "only who acts can stop"
        self.has_stopped, self._until, self._resumes_at = True, _after(now), NEVER
        self._successor = None
        return (Grant(self._lease.epoch, self._lease.valid_until, paused=True),)

    def give(self, successor: Prepared, now: Instant) -> bool:
        """Name *successor* in the key as soon as no other call is under way.

        False when it is too late: the role is over, or the holder wants to go on.
        """
        if not self.has_stopped or self._resumes_at != NEVER:
            return False
        self._successor, self.urgent_at = successor, now
        return True

    def resume(self, now: Instant) -> None:
        """Act again, once a renewal that is sent from now on has succeeded."""
        if self.has_stopped and self._resumes_at == NEVER:
            self._successor, self._resumes_at, self.urgent_at = None, now, now

    def write(self, epoch: Epoch, now: Instant) -> WriteLease | None:
        """The compare-and-set that names the successor; once, and only while the lease is held."""
        if now >= self._until:
            self.resume(now)
        successor, self._successor = self._successor, None
        if successor is None or not self._lease.is_valid(now):
            return None
        return self._lease.transfer(epoch, successor.holder, successor.n)

    def renewed(self, sent_at: Instant) -> None:
        """A renewal of this process, sent then, is in the key."""
        if sent_at >= self._resumes_at:
            self.ended()

    def ended(self) -> None:
        """The role is over, or goes on: there is nothing to hand over any more."""
        self.has_stopped, self._successor = False, None
        self._until = self._resumes_at = NEVER


def _after(now: Instant) -> Instant:
    return Instant(now + PATIENCE_SECONDS)
