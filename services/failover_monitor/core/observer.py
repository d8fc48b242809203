"""Decides when an observer may take the lease: after how long without a change, and what bars it.

Keeps two laws. An observer may take the lease only `ttl + margin` after it saw the last change, on
its own clock. And blind time is not silence: after two renewal intervals without a successful read
the wait begins anew.

Junk in the key is no news: the holder that the key named, and the time to wait for it, stand until
another record is seen. But junk may hide a renewal that was in the key a moment ago, so it begins
the wait anew like every change. Junk is never a reason to take the lease sooner.
"""

from services.failover_monitor.core.health import HealthReport
from services.failover_monitor.core.record import KeyState, LeaseRecord, are_of_one_bucket
from services.failover_monitor.core.timing import NEVER, Timing
from shared.domain.ids import Instant, NodeId


class Observer:
    """Watches how long the key has not changed, as this process saw it."""

    def __init__(self, node: NodeId, timing: Timing, head_start_seconds: float = 0.0) -> None:
        self._node = node
        self._timing = timing
        self._head_start = head_start_seconds
        self._since = Instant(0.0)
        self._not_before = Instant(0.0)
        self._read_at: Instant | None = None
        self._key: KeyState | None = None
        self._due_at = NEVER
        self._check_from = NEVER

    @property
    def key(self) -> KeyState | None:
        """Return the last record that counts, and the revision of whatever is in the key now."""
        return self._key

    @property
    def due_at(self) -> Instant:
        """Return when the lease may be taken if nothing changes; never before the first read."""
        return self._due_at

    @property
    def check_from(self) -> Instant:
        """Return when a health check that counts for a takeover may begin, after the first read.

        This is a margin before the lease is due. The holder has stopped acting by then, and a check
        that ends in time does not delay the takeover.
        """
        return self._check_from

    def record_key(self, key: KeyState, now: Instant) -> None:
        """Note *key* as a call that was answered at *now* found it."""
        if self._key is None or self.is_blind(now) or key.revision != self._key.revision:
            self._since, self._key = now, KeyState(self._believed(key), key.revision)
            self._set_times(self._key)
        self._read_at = now

    def defer(self, until: Instant) -> None:
        """Do not take the lease before *until*: this master has promised so."""
        self._not_before = until
        if self._key is not None:
            self._set_times(self._key)

    def is_blind(self, now: Instant) -> bool:
        """Say whether the last successful read is too long ago to say anything."""
        return self._read_at is None or now - self._read_at > self._timing.blind_seconds

    def check_at(self, last: Instant) -> Instant:
        """Return when to check this master's health, if the last check began at *last*."""
        regular = Instant(last + self._timing.heartbeat_seconds)
        return self._check_from if last < self._check_from < regular else regular

    def due_after(self, last: Instant) -> Instant:
        """Return when the lease becomes due, for a master whose last call was at *last*.

        Never, when it became due before that call.
        """
        return self._due_at if last < self._due_at else NEVER

    def is_due(self, now: Instant) -> bool:
        """Say whether the lease may be taken at *now*."""
        return now >= self._due_at and not self.is_blind(now)

    def obstacles(self, report: HealthReport) -> tuple[str, ...]:
        """List why this master would not take the lease if it were free.

        Vetoes do not count for a key that names nobody, or this very master before a restart:
        taking it replaces no other master.
        """
        record = None if self._key is None else self._key.record
        is_own = record is None or record.holder == self._node
        return report.failed_checks if is_own else report.obstacles

    def describe(self) -> str:
        """Write one line for logs and transcripts."""
        if self._key is None:
            return "never read"
        record = self._key.record
        whose = "nobody's" if record is None else f"{record.holder}'s of epoch {record.epoch}"
        return f"{whose} at revision {self._key.revision}, unchanged since {self._since:.3f}"

    def _believed(self, key: KeyState) -> LeaseRecord | None:
        """Return the last record that counts, now that *key* was read."""
        last = None if self._key is None else self._key.record
        if self._key is None or not are_of_one_bucket(key.revision, self._key.revision):
            return key.record
        if key.record is None or (last is not None and key.record.is_older_than(last)):
            return last
        return key.record

    def _set_times(self, key: KeyState) -> None:
        """Set the times that follow from *key*; they stand until another key is read."""
        margin, record = self._timing.margin_seconds, key.record
        self._due_at = self._due_time(key)
        earlier = margin if record is None else min(margin, record.margin)
        self._check_from = Instant(self._due_at - earlier)

    def _due_time(self, key: KeyState) -> Instant:
        wait, record = self._timing.waiting_seconds, key.record
        wait = wait + self._head_start if record is None else max(wait, record.ttl + record.margin)
        return max(Instant(self._since + wait), self._not_before)
