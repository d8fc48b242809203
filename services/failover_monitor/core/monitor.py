"""One master's part in the question who is primary: holder, observer, or one becoming the other.

At most one call to the key is under way at any time. After an unknown outcome the key is read
before anything is written; a record of this process in it counts from when that very record was
sent, any other record ends the role. A holder whose lease ran out keeps trying on its own last
revision: success proves that nobody was in between. Keeps the law that a larger epoch ends the
role at once: the grants that are out are withdrawn by one of that epoch which is over already.

No watchdog guards the loop that drives this core, because none is needed: a grant names an
absolute deadline on a clock that counts suspend. However long the loop stalls or the process is
stopped, every process of this master stops acting in time by itself.
"""

from services.failover_monitor.core.effects import (
    Check,
    Effect,
    Grant,
    Lost,
    ReadLease,
    Refusal,
    Took,
    WriteLease,
)
from services.failover_monitor.core.handover import NEVER, Handover
from services.failover_monitor.core.health import ConfigWatch
from services.failover_monitor.core.lease import Holder, Lease
from services.failover_monitor.core.record import LeaseRecord, Seen
from services.failover_monitor.core.takeover import NOT_CHECKED, Checks, Observer
from services.failover_monitor.core.timing import Timing
from shared.domain.ids import Epoch, Instant, NodeId

NOTHING: tuple[Effect, ...] = ()


class Monitor:
    """The lease as this master holds or watches it."""

    def __init__(self, holder: Holder, timing: Timing, head_start_seconds: float = 0.0) -> None:
        self._timing = timing
        self._lease = Lease(holder, timing)
        self._observer = Observer(holder.node, timing, head_start_seconds)
        self._config = ConfigWatch(timing)
        self.handover = Handover(self._lease)
        self.checks = NOT_CHECKED
        self._largest = Epoch(0)
        self._calling: WriteLease | ReadLease | None = None
        self._called_at = Instant(0.0)
        self._must_read = True
        self._next_call = Instant(0.0)
        self._checking = False
        self._checked_at = Instant(0.0)
        self._is_planned = False

    def is_primary(self, now: Instant) -> bool:
        """Whether this master acts as primary at *now*."""
        return self._lease.is_valid(now) and not self.handover.has_stopped

    @property
    def epoch(self) -> Epoch:
        """The epoch that this master acts in, or the largest that it has seen."""
        return self._lease.epoch if self._lease.held else self._largest

    @property
    def holder(self) -> NodeId | None:
        """Whom the key named when it was last read."""
        seen = self._observer.seen
        return None if seen is None or seen.record is None else seen.record.holder

    def reasons(self, now: Instant) -> tuple[str, ...]:
        """Why this master would not take over now; empty when it would."""
        if self._lease.held:
            if not self._lease.is_valid(now):
                return ("its lease ran out and is not renewed yet",)
            if self.handover.has_stopped:
                return ("it is handing its role over",)
            return () if self._may_renew(now) else ("its config service commits nothing",)
        blind = ("the lease cannot be read",) if self._observer.is_blind(now) else ()
        return blind + self._observer.obstacles(self.checks)

    def could_take_over(self, now: Instant) -> bool:
        """Whether this master watches the lease and nothing bars it from taking it."""
        return not self._lease.held and not self.reasons(now)

    def deadline(self) -> Instant | None:
        """When `tick` has something to do; None while it waits for every answer."""
        waits = [] if self._calling else [self._call_at()]
        if not self._checking:
            waits.append(self._observer.check_at(self._checked_at))
        return min(waits, default=None)

    def tick(self, now: Instant) -> tuple[Effect, ...]:
        """Time passed."""
        effects = NOTHING
        if not self._checking and now >= self._observer.check_at(self._checked_at):
            effects += self._check(now)
        if self._calling is None and now >= self._call_at():
            effects += self._call(now)
        return effects

    def lease_read(self, seen: Seen | None, now: Instant) -> tuple[Effect, ...]:
        """The read ended; None when it found out nothing."""
        assert isinstance(self._calling, ReadLease), "a read was under way"
        self._calling = None
        self._next_call = max(now, Instant(self._called_at + self._timing.read_seconds))
        if seen is None:
            return NOTHING
        self._must_read = False
        return self._saw(seen, now) + self._consider(now)

    def lease_written(self, outcome: int | Refusal, now: Instant) -> tuple[Effect, ...]:
        """The compare-and-set ended: the new revision, or why there is none that we know of."""
        call, self._calling = self._calling, None
        assert isinstance(call, WriteLease), "a write was under way"
        if isinstance(outcome, Refusal):
            self._must_read = True
            self._next_call = max(now, Instant(self._called_at + self._timing.read_seconds))
            return NOTHING
        self._next_call = max(now, Instant(self._called_at + self._timing.renew_seconds))
        return self._saw(Seen(call.record, outcome), now)

    def checked(self, checks: Checks, now: Instant) -> tuple[Effect, ...]:
        """The look at this master ended."""
        self._checking, self.checks = False, checks
        self._config.committed(checks.pulse)
        return self._learn(checks.epoch, now) + self._consider(now)

    def peer_heard(self, peer: NodeId, now: Instant, *, could_take_over: bool) -> None:
        """Another master's heartbeat; it never says who is primary."""
        self._config.peer_heard(peer, now, could_take_over=could_take_over)

    def describe(self) -> str:
        parts = self._lease.describe(), self._observer.describe(), self._config.describe()
        return f"lease {parts[0]}; key {parts[1]}; {parts[2]}; largest epoch {self._largest}"

    def _call_at(self) -> Instant:
        due_at = self._observer.due_after(self._called_at)
        return min(self._next_call, self.handover.urgent_at, due_at)

    def _call(self, now: Instant) -> tuple[Effect, ...]:
        self.handover.urgent_at = NEVER
        if self._lease.held and not self._must_read:
            successor = self.handover.write(Epoch(self._largest + 1), now)
            if successor is not None:
                return self._send(successor, now)
        if self._lease.held and not self._must_read and self._may_renew(now):
            return self._send(self._lease.renewal(now), now)
        return self._send(ReadLease(), now)

    def _send(self, call: ReadLease | WriteLease, now: Instant) -> tuple[Effect, ...]:
        assert self._calling is None, "one call to the key at a time"
        self._calling, self._called_at = call, now
        return (call,)

    def _check(self, now: Instant) -> tuple[Effect, ...]:
        self._checking, self._checked_at = True, now
        return (Check(),)

    def _consider(self, now: Instant) -> tuple[Effect, ...]:
        """Take the lease once it is due and a look at this master, young enough, ended well."""
        look_at = self._observer.look_at()
        if self._checking or look_at is None or not self._may_take(now):
            return NOTHING
        if self._checked_at < look_at:
            return self._check(now)
        return NOTHING if self._observer.obstacles(self.checks) else self._take(now)

    def _may_take(self, now: Instant) -> bool:
        return self._calling is None and not self._lease.held and self._observer.is_due(now)

    def _take(self, now: Instant) -> tuple[Effect, ...]:
        seen = self._observer.seen
        assert seen is not None, "what was never read is never due"
        return self._send(self._lease.write(Epoch(self._largest + 1), seen.revision, now), now)

    def _saw(self, seen: Seen, now: Instant) -> tuple[Effect, ...]:
        before, record = self.holder, seen.record
        self._observer.saw(seen, now)
        if record is not None:
            self._largest = max(self._largest, record.epoch)
        if record is None or not self._lease.is_mine(record):
            return self._end(f"the lease is {self.holder or 'nobody'}'s", now)
        return self._found(record, seen.revision, before, now)

    def _found(
        self, record: LeaseRecord, revision: int, before: NodeId | None, now: Instant
    ) -> tuple[Effect, ...]:
        """A record of this process is in the key."""
        if record.epoch < self._largest:
            return self._end("a larger epoch was seen", now)
        if revision <= self._lease.revision:
            return NOTHING
        if not self._lease.awaits(record):
            return self._end("an old record of its own came back", now)
        return self._proved(record, revision, before)

    def _proved(
        self, record: LeaseRecord, revision: int, before: NodeId | None
    ) -> tuple[Effect, ...]:
        lease, was_held, was_until = self._lease, self._lease.held, self._lease.valid_until
        lease.proved(record, revision)
        sent_at = Instant(lease.valid_until - self._timing.acting_seconds)
        if not was_held or sent_at > was_until:
            self._config.begun(sent_at)
        if was_held:
            self.handover.renewed(sent_at)
            return (self._grant(),)
        self._is_planned = self.handover.is_planned(record.n)
        cause = _cause(before, lease.epoch, is_planned=self._is_planned)
        return (Took(lease.epoch, before, cause), self._grant())

    def _grant(self) -> Grant:
        lease, paused = self._lease, self.handover.has_stopped
        return Grant(lease.epoch, lease.valid_until, paused=paused, planned=self._is_planned)

    def _learn(self, epoch: Epoch, now: Instant) -> tuple[Effect, ...]:
        """A lease or an entry of *epoch* exists."""
        self._largest = max(self._largest, epoch)
        if self._lease.held and self._lease.epoch < self._largest:
            return self._end("a larger epoch was seen", now)
        return NOTHING

    def _end(self, cause: str, now: Instant) -> tuple[Effect, ...]:
        """The role is over; without a larger epoch its grants run out before anybody may take."""
        if not self._lease.held:
            return NOTHING
        self._lease.end(now)
        self.handover.ended()
        assert not self._lease.is_valid(now), "an ended role is over"
        lost = Lost(self._lease.epoch, cause)
        return (lost, Grant(self._largest, now)) if self._largest > lost.epoch else (lost,)

    def _may_renew(self, now: Instant) -> bool:
        return self._config.is_well(min(now, self._lease.valid_until)) or not (
            self._config.somebody_could(now)
        )


def _cause(before: NodeId | None, epoch: Epoch, *, is_planned: bool) -> str:
    if before is not None:
        return f"{before} {'handed its role over' if is_planned else 'did not renew its lease'}"
    return "the site starts" if epoch == 1 else "the lease named nobody"
