"""Decides this master's role: what a record of this process in the key begins, keeps and ends.

Keeps three laws. A larger epoch ends the role at once, whatever lease or promise says: a grant of
that epoch, which has expired already, withdraws the grants that are out. However this master got
the lease, it acts only after its last promise has run out: until then it holds the lease, renews
it, and announces nothing. Junk in the key ends no role that is valid: the holder writes over it.
"""

from typing import Final

from services.failover_monitor.core.effects import (
    Effect,
    Grant,
    RoleAcquired,
    RoleLost,
    WriteLease,
)
from services.failover_monitor.core.fitness import Fitness
from services.failover_monitor.core.handover import Handover
from services.failover_monitor.core.keeping import Keeping
from services.failover_monitor.core.lease import Lease
from services.failover_monitor.core.record import KeyState, LeaseRecord, are_of_one_bucket
from shared.domain.ids import Epoch, Instant, NodeId

NOTHING: Final[tuple[Effect, ...]] = ()


class Role:
    """The role of this process, from the acquired lease to its end."""

    def __init__(
        self, lease: Lease, handover: Handover, fitness: Fitness, keeping: Keeping
    ) -> None:
        self._lease = lease
        self._handover = handover
        self._fitness = fitness
        self._keeping = keeping
        self._largest = Epoch(0)
        self._acts_from = Instant(0.0)
        self._promised_to: NodeId | None = None
        self._unannounced: RoleAcquired | None = None
        self._is_planned = False

    @property
    def largest_epoch(self) -> Epoch:
        """Return the largest epoch that this master has seen in key, database, log or vote."""
        return self._largest

    @property
    def has_begun(self) -> bool:
        """Say whether the lease is held and the role was announced to this master's processes."""
        return self._lease.is_held and self._unannounced is None

    def is_acting(self, now: Instant) -> bool:
        """Say whether this master acts as primary at *now*."""
        return self.has_begun and self._lease.is_valid(now) and not self._handover.is_paused

    def reasons(self, now: Instant) -> tuple[str, ...]:
        """List the faults of this role; of a master without one, what it has promised."""
        if now < self._acts_from and not self.has_begun:
            return (f"it promised {self._promised_to} not to act yet",)
        if not self._lease.is_held:
            return ()
        if not self._lease.is_valid(now):
            return ("its lease ran out and is not renewed yet",)
        if self._handover.is_paused:
            return ("it is handing its role over",)
        faults = self._keeping.faults(now)
        extended = ("the lease cannot be written: it acts on the other masters' promises",)
        return (*faults, *extended) if self._lease.is_extended(now) else faults

    def defer_acting(self, until: Instant, promised_to: NodeId) -> None:
        """Act no sooner than *until*, however this master gets the lease."""
        assert not self._lease.is_held, "who holds the lease promises nothing"
        assert until >= self._acts_from, "a promise is never shorter than the last"
        self._acts_from, self._promised_to = until, promised_to

    def acquire(self, revision: int, now: Instant) -> WriteLease:
        """Build the record that acquires the lease, at the next epoch, by replacing *revision*."""
        return self._lease.write(Epoch(self._largest + 1), revision, now)

    def next_write(self, now: Instant) -> WriteLease | None:
        """Build the record that a holder writes next; None when it may only read."""
        if not self._lease.is_held:
            return None
        transfer = self._handover.transfer(Epoch(self._largest + 1), now)
        if transfer is not None:
            return transfer
        return self._lease.renewal(now) if self._keeping.may_renew(now) else None

    def record_key(
        self, key: KeyState, previous: NodeId | None, now: Instant
    ) -> tuple[Effect, ...]:
        """Note the key as a call found it; until now it named *previous*."""
        record = key.record
        self._lease.pending_write.record_revision(key.revision)
        if record is not None:
            self._largest = max(self._largest, record.epoch)
        if record is None or record.epoch < self._lease.epoch:
            return self._handle_junk(key.revision, now)
        if not self._lease.is_mine(record):
            return self._end(f"the lease is {record.holder}'s", now)
        if record.epoch < self._largest:
            return self._end("a larger epoch was seen", now)
        if not self._lease.awaits(record):
            return self._handle_junk(key.revision, now)
        if key.revision <= self._lease.base.revision:
            return NOTHING
        return self._confirm(record, key.revision, previous, now)

    def extend(self, requested_at: Instant, now: Instant) -> tuple[Effect, ...]:
        """Extend the role: all other masters promised, on a request sent *requested_at*."""
        if not self.is_acting(now):
            return NOTHING
        self._lease.extend(requested_at)
        return (self._grant(),)

    def learn_epoch(self, epoch: Epoch, now: Instant) -> tuple[Effect, ...]:
        """Learn that a lease, an entry or a vote of *epoch* exists."""
        self._largest = max(self._largest, epoch)
        if self._lease.is_held and self._lease.epoch < self._largest:
            return self._end("a larger epoch was seen", now)
        return NOTHING

    def _handle_junk(self, revision: int, now: Instant) -> tuple[Effect, ...]:
        """Go on despite junk, or end the role: the key holds no record, or a copy of an old one."""
        lease, base = self._lease, self._lease.base
        if revision <= base.revision and are_of_one_bucket(revision, base.revision):
            return NOTHING
        if base.adopt_junk(revision, is_valid=lease.is_valid(now)):
            return NOTHING
        return self._end("the lease is nobody's", now)

    def _confirm(
        self, record: LeaseRecord, revision: int, previous: NodeId | None, now: Instant
    ) -> tuple[Effect, ...]:
        """Begin or renew the role: a record that this process awaits is in the key."""
        was_held, was_until = self._lease.is_held, self._lease.valid_until
        sent_at = self._lease.confirm(record, revision)
        if not was_held or sent_at > was_until:
            self._fitness.restart(sent_at)
        if not was_held:
            why = self._handover.why_prepared(record.n)
            self._is_planned = why == ""
            cause = _cause(previous, record.epoch, why)
            self._unannounced = RoleAcquired(record.epoch, previous, cause)
        elif self._unannounced is None:
            if self._handover.is_paused:
                self._fitness.excuse(now)
            self._handover.record_renewal(sent_at)
            return (self._grant(),)
        return self._begin(now)

    def _begin(self, now: Instant) -> tuple[Effect, ...]:
        """Announce the role once the last promise has run out; until then each renewal tries."""
        acquired = self._unannounced
        if acquired is None or now < self._acts_from or not self._lease.is_valid(now):
            return NOTHING
        self._unannounced = None
        return (acquired, self._grant())

    def _grant(self) -> Grant:
        lease, paused = self._lease, self._handover.is_paused
        return Grant(lease.epoch, lease.valid_until, paused=paused, planned=self._is_planned)

    def _end(self, cause: str, now: Instant) -> tuple[Effect, ...]:
        """End the role; its grants run out before another master may act.

        Where a larger epoch was seen, they are withdrawn at once.
        """
        if not self._lease.is_held:
            return NOTHING
        was_announced, self._unannounced = self._unannounced is None, None
        self._fitness.end_role(min(now, self._lease.valid_until))
        self._lease.end(now)
        self._handover.clear()
        assert not self._lease.is_valid(now), "an ended role is over"
        if not was_announced:
            return NOTHING
        lost = RoleLost(self._lease.epoch, cause)
        return (lost, Grant(self._largest, now)) if self._largest > lost.epoch else (lost,)


def _cause(previous: NodeId | None, epoch: Epoch, why: str | None) -> str:
    """Say why a role begins; *why* is what the last holder said when it handed its role over."""
    if previous is None:
        return "the site starts" if epoch == 1 else "the lease named nobody"
    if why is None:
        return f"{previous} did not renew its lease"
    return f"{previous} handed its role over{f': {why}' if why else ''}"
