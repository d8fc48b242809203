"""The observer's side of the lease, and what a master must fulfil to take it.

Keeps two laws. An observer may take the lease only `ttl + margin` after it saw the last change,
on its own clock. And blind time is not silence: without a successful read for two renewal
intervals the wait starts anew.

Junk in the key says nothing: whom the key named, and for how long that one is to be waited for,
stands until another record is seen. But junk may hide a renewal that was in the key a moment ago,
so it begins the wait anew like every change; it is never a reason to take the lease sooner.
"""

from dataclasses import dataclass
from typing import Final

from services.failover_monitor.core.handover import NEVER
from services.failover_monitor.core.record import LeaseRecord, Seen, are_of_one_bucket
from services.failover_monitor.core.timing import Timing
from shared.domain.ids import Epoch, Instant, LogGeneration, NodeId, Revision

AUTOMATIC_OFF: Final = "automatic failover is off"
"""The one reason that bars a takeover and not a switchover: there an operator decides."""


@dataclass(frozen=True, slots=True)
class Checks:
    """What a look at this master found.

    *unfit* bars from any take: the database or the log is not as it must be. *forbidden* bars only
    from replacing another master: the operator does not want it, or this master is cut off.
    *epoch* is the largest in the own database and in the log, *revision* and *log_generation* are
    where that database stands, *pulse* config's last proof. *is_attached* says that changes wait
    for the backup.
    """

    unfit: tuple[str, ...] = ()
    forbidden: tuple[str, ...] = ()
    epoch: Epoch = Epoch(0)
    revision: Revision | None = None
    is_attached: bool = False
    pulse: Instant | None = None
    log_generation: LogGeneration | None = None


NOT_CHECKED = Checks(unfit=("this master has not looked at itself yet",))


class Observer:
    """How long the key has not changed, as this process saw it."""

    def __init__(self, node: NodeId, timing: Timing, head_start_seconds: float = 0.0) -> None:
        self._node = node
        self._timing = timing
        self._head_start = head_start_seconds
        self._since = Instant(0.0)
        self._not_before = Instant(0.0)
        self._read_at: Instant | None = None
        self.seen: Seen | None = None
        """The last record that counts, and the revision of whatever is in the key now."""
        self.due_at = NEVER
        """When the lease may be taken if nothing changes; never before the first read."""
        self.look_at = NEVER
        """From when a look at this master counts for the take; never before the first read.

        A margin before the lease is due: the holder has stopped acting by then, and a look that
        ends in time costs the takeover nothing.
        """

    def saw(self, seen: Seen, now: Instant) -> None:
        """A read that was answered now found *seen*."""
        if self.seen is None or self.is_blind(now) or seen.revision != self.seen.revision:
            self._since, self.seen = now, Seen(self._believed(seen), seen.revision)
            self._reckon(self.seen)
        self._read_at = now

    def wait_until(self, moment: Instant) -> None:
        """This master has promised to take nothing sooner."""
        self._not_before = moment
        if self.seen is not None:
            self._reckon(self.seen)

    def is_blind(self, now: Instant) -> bool:
        """Whether the last successful read is too long ago to say anything."""
        return self._read_at is None or now - self._read_at > self._timing.blind_seconds

    def check_at(self, last: Instant) -> Instant:
        """When this master is to look at itself, if it last did at *last*."""
        regular = Instant(last + self._timing.heartbeat_seconds)
        return self.look_at if last < self.look_at < regular else regular

    def due_after(self, last: Instant) -> Instant:
        """When the lease is due, for one who last read or wrote it at *last*; never when since."""
        return self.due_at if last < self.due_at else NEVER

    def is_due(self, now: Instant) -> bool:
        return now >= self.due_at and not self.is_blind(now)

    def obstacles(self, checks: Checks) -> tuple[str, ...]:
        """Why this master would not take the lease if it were free.

        A key that names nobody, or this very master before a restart, is no other's to take over.
        """
        record = None if self.seen is None else self.seen.record
        own = record is None or record.holder == self._node
        return checks.unfit if own else checks.unfit + checks.forbidden

    def describe(self) -> str:
        if self.seen is None:
            return "never read"
        record = self.seen.record
        whose = "nobody's" if record is None else f"{record.holder}'s of epoch {record.epoch}"
        return f"{whose} at revision {self.seen.revision}, unchanged since {self._since:.3f}"

    def _believed(self, seen: Seen) -> LeaseRecord | None:
        """The last record that counts, now that *seen* is in the key."""
        last = None if self.seen is None else self.seen.record
        if self.seen is None or not are_of_one_bucket(seen.revision, self.seen.revision):
            return seen.record
        if seen.record is None or (last is not None and seen.record.is_older_than(last)):
            return last
        return seen.record

    def _reckon(self, seen: Seen) -> None:
        """The times that follow from *seen*; they stand until something else is seen."""
        margin, record = self._timing.margin_seconds, seen.record
        self.due_at = self._reckoned_due_at(seen)
        earlier = margin if record is None else min(margin, record.margin)
        self.look_at = Instant(self.due_at - earlier)

    def _reckoned_due_at(self, seen: Seen) -> Instant:
        wait, record = self._timing.waiting_seconds, seen.record
        wait = wait + self._head_start if record is None else max(wait, record.ttl + record.margin)
        return max(Instant(self._since + wait), self._not_before)
