"""This master's role: what a record of this process in the key begins, keeps and ends.

Keeps three laws. A larger epoch ends the role at once, whatever lease or promise says: the grants
that are out are withdrawn by one of that epoch which is over already. And however this master got
the lease, it acts only after its last promise has run out: until then it holds the lease, renews
it, and tells nobody. And junk in the key ends no role that is valid: the holder writes over it.
"""

from typing import Final

from services.failover_monitor.core.effects import Effect, Grant, Lost, Took, WriteLease
from services.failover_monitor.core.handover import Handover
from services.failover_monitor.core.health import ConfigWatch
from services.failover_monitor.core.lease import Holder, Lease
from services.failover_monitor.core.record import LeaseRecord, Seen, are_of_one_bucket
from services.failover_monitor.core.timing import Timing
from shared.domain.ids import Epoch, Instant, NodeId

NOTHING: Final[tuple[Effect, ...]] = ()


class Role:
    """The lease as this process holds it, from the take to the end."""

    def __init__(self, holder: Holder, timing: Timing, config: ConfigWatch) -> None:
        self._timing = timing
        self._config = config
        self.lease = Lease(holder, timing)
        self.handover = Handover(self.lease)
        self.largest = Epoch(0)
        self.acts_from = Instant(0.0)
        self._promised_to: NodeId | None = None
        self._untold: Took | None = None
        self._is_planned = False

    @property
    def has_begun(self) -> bool:
        """Whether the lease is held and this master's processes were told so."""
        return self.lease.held and self._untold is None

    def is_acting(self, now: Instant) -> bool:
        """Whether this master acts as primary at *now*."""
        return self.has_begun and self.lease.is_valid(now) and not self.handover.has_stopped

    def may_renew(self, now: Instant) -> bool:
        """Whether config commits, or nobody else could do better."""
        return self._config.is_well(min(now, self.lease.valid_until)) or not (
            self._config.somebody_could(now)
        )

    def reasons(self, now: Instant) -> tuple[str, ...]:
        """What is wrong with this role; of a master without one, what it has promised."""
        if now < self.acts_from and not self.has_begun:
            return (f"it promised {self._promised_to} not to act yet",)
        if not self.lease.held:
            return ()
        if not self.lease.is_valid(now):
            return ("its lease ran out and is not renewed yet",)
        if self.handover.has_stopped:
            return ("it is handing its role over",)
        if not self.may_renew(now):
            return ("its config service commits nothing",)
        kept = ("the lease cannot be written: it acts on the other masters' promises",)
        return kept if self.lease.is_kept(now) else ()

    def wait_until(self, moment: Instant, promised_to: NodeId) -> None:
        """Act no sooner, however this master gets the lease."""
        assert not self.lease.held, "who holds the lease promises nothing"
        assert moment >= self.acts_from, "a promise is never shorter than the last"
        self.acts_from, self._promised_to = moment, promised_to

    def next_write(self, now: Instant) -> WriteLease | None:
        """The record that a holder writes next; None when it may only read."""
        if not self.lease.held:
            return None
        successor = self.handover.write(Epoch(self.largest + 1), now)
        if successor is not None:
            return successor
        return self.lease.renewal(now) if self.may_renew(now) else None

    def found(self, seen: Seen, before: NodeId | None, now: Instant) -> tuple[Effect, ...]:
        """The key was seen, where it named *before* until now."""
        record = seen.record
        self.lease.doubt.saw(seen.revision)
        if record is not None:
            self.largest = max(self.largest, record.epoch)
        if record is None or record.epoch < self.lease.epoch:
            return self._found_junk(seen.revision, now)
        if not self.lease.is_mine(record):
            return self._end(f"the lease is {record.holder}'s", now)
        if record.epoch < self.largest:
            return self._end("a larger epoch was seen", now)
        if not self.lease.awaits(record):
            return self._found_junk(seen.revision, now)
        if seen.revision <= self.lease.base.revision:
            return NOTHING
        return self._proved(record, seen.revision, before, now)

    def _found_junk(self, revision: int, now: Instant) -> tuple[Effect, ...]:
        """The key holds no record, or one that is over, as a copy of it is."""
        lease, base = self.lease, self.lease.base
        if revision <= base.revision and are_of_one_bucket(revision, base.revision):
            return NOTHING
        if base.go_on_upon(revision, is_valid=lease.is_valid(now)):
            return NOTHING
        return self._end("the lease is nobody's", now)

    def keep(self, asked_at: Instant, now: Instant) -> tuple[Effect, ...]:
        """Every other master promised, to a request sent then, not to act meanwhile."""
        if not self.is_acting(now):
            return NOTHING
        self.lease.keep(asked_at)
        return (self._grant(),)

    def learn(self, epoch: Epoch, now: Instant) -> tuple[Effect, ...]:
        """A lease, an entry or a promise of *epoch* exists."""
        self.largest = max(self.largest, epoch)
        if self.lease.held and self.lease.epoch < self.largest:
            return self._end("a larger epoch was seen", now)
        return NOTHING

    def _proved(
        self, record: LeaseRecord, revision: int, before: NodeId | None, now: Instant
    ) -> tuple[Effect, ...]:
        was_held, was_until = self.lease.held, self.lease.valid_until
        sent_at = self.lease.proved(record, revision)
        if not was_held or sent_at > was_until:
            self._config.begun(sent_at)
        if not was_held:
            self._is_planned = self.handover.is_planned(record.n)
            cause = _cause(before, record.epoch, is_planned=self._is_planned)
            self._untold = Took(record.epoch, before, cause)
        elif self._untold is None:
            self.handover.renewed(sent_at)
            return (self._grant(),)
        return self._begin(now)

    def _begin(self, now: Instant) -> tuple[Effect, ...]:
        """Tell of the role, once the last promise has run out; until then each renewal tries."""
        took = self._untold
        if took is None or now < self.acts_from or not self.lease.is_valid(now):
            return NOTHING
        self._untold = None
        return (took, self._grant())

    def _grant(self) -> Grant:
        lease, paused = self.lease, self.handover.has_stopped
        return Grant(lease.epoch, lease.valid_until, paused=paused, planned=self._is_planned)

    def _end(self, cause: str, now: Instant) -> tuple[Effect, ...]:
        """The role is over; without a larger epoch its grants run out before anybody may take."""
        if not self.lease.held:
            return NOTHING
        told, self._untold = self._untold is None, None
        self.lease.end(now)
        self.handover.ended()
        assert not self.lease.is_valid(now), "an ended role is over"
        if not told:
            return NOTHING
        lost = Lost(self.lease.epoch, cause)
        return (lost, Grant(self.largest, now)) if self.largest > lost.epoch else (lost,)


def _cause(before: NodeId | None, epoch: Epoch, *, is_planned: bool) -> str:
    if before is not None:
        return f"{before} {'handed its role over' if is_planned else 'did not renew its lease'}"
    return "the site starts" if epoch == 1 else "the lease named nobody"
