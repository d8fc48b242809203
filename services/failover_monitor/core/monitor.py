"""One master's part in the question who is primary: holder, observer, or one becoming the other.

At most one call to the key is under way at any time. After an unknown outcome the key is read
before anything is written; a record of this process in it counts from when that very record was
sent, another's ends the role, and junk is replaced while the lease is valid. A holder whose lease
ran out keeps trying on its own last revision: success proves that nobody was in between.

Nothing here depends on the loop that drives this core: a grant names an absolute deadline on a
clock that counts suspend. However long the loop stalls or the process is stopped, every process of
this master stops acting in time by itself.
"""

from services.failover_monitor.core.asker import Asker
from services.failover_monitor.core.effects import Check, Effect, ReadLease, Refusal, WriteLease
from services.failover_monitor.core.giver import Giver
from services.failover_monitor.core.handover import NEVER
from services.failover_monitor.core.health import ConfigWatch
from services.failover_monitor.core.lease import Holder
from services.failover_monitor.core.record import Seen
from services.failover_monitor.core.role import Role
from services.failover_monitor.core.takeover import NOT_CHECKED, Checks, Observer
from services.failover_monitor.core.timing import Timing
from shared.domain.ids import Epoch, Instant, NodeId

NOTHING: tuple[Effect, ...] = ()


class Monitor:
    """The lease as this master holds or watches it."""

    def __init__(self, holder: Holder, timing: Timing, head_start_seconds: float = 0.0) -> None:
        self._timing = timing
        self._observer = Observer(holder.node, timing, head_start_seconds)
        self._config = ConfigWatch(timing)
        self._role = Role(holder, timing, self._config)
        self.handover = self._role.handover
        self.asker = Asker(self._role, timing)
        self.giver = Giver(self._role, self._observer, timing)
        self.checks = NOT_CHECKED
        self._calling: WriteLease | ReadLease | None = None
        self._called_at = Instant(0.0)
        self._must_read = True
        self._next_call = Instant(0.0)
        self._checking = False
        self._checked_at = Instant(0.0)

    def is_primary(self, now: Instant) -> bool:
        """Whether this master acts as primary at *now*."""
        return self._role.is_acting(now)

    @property
    def epoch(self) -> Epoch:
        """The epoch that this master acts in, or the largest that it has seen."""
        role = self._role
        return role.lease.epoch if role.lease.held else role.largest

    @property
    def holder(self) -> NodeId | None:
        """Whom the key named when it was last read."""
        seen = self._observer.seen
        return None if seen is None or seen.record is None else seen.record.holder

    def reasons(self, now: Instant) -> tuple[str, ...]:
        """Why this master would not take over now; empty when it would."""
        own = self._role.reasons(now)
        if self._role.lease.held:
            return own
        blind = ("the lease cannot be read",) if self._observer.is_blind(now) else ()
        return (*blind, *own, *self._observer.obstacles(self.checks))

    def could_take_over(self, now: Instant) -> bool:
        """Whether this master watches the lease and nothing bars it from taking it."""
        return not self._role.lease.held and not self.reasons(now)

    def deadline(self) -> Instant | None:
        """When `tick` has something to do; None while it waits for every answer."""
        first = self.asker.ask_at()
        if self._calling is None:
            first = min(first, self._call_at())
        if not self._checking:
            first = min(first, self._observer.check_at(self._checked_at))
        return None if first == NEVER else first

    def tick(self, now: Instant) -> tuple[Effect, ...]:
        """Time passed."""
        effects = NOTHING
        if not self._checking and now >= self._observer.check_at(self._checked_at):
            effects += self._check(now)
        if self._calling is None and now >= self._call_at():
            effects += self._call(now)
        if now >= self.asker.ask_at():
            effects += self.asker.ask(now)
        return effects

    def lease_read(self, seen: Seen | None, now: Instant) -> tuple[Effect, ...]:
        """The read ended; None when it found out nothing."""
        assert isinstance(self._calling, ReadLease), "a read was under way"
        self._calling = None
        self._next_call = max(now, Instant(self._called_at + self._timing.read_seconds))
        if seen is None:
            return NOTHING
        self._must_read = False
        return self._saw(seen, now) + self._overwrite(now) + self._consider(now)

    def lease_written(self, outcome: int | Refusal, now: Instant) -> tuple[Effect, ...]:
        """The compare-and-set ended: the new revision, or why there is none that we know of."""
        call, self._calling = self._calling, None
        assert isinstance(call, WriteLease), "a write was under way"
        self.asker.write_ended(outcome)
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
        return self._role.learn(checks.epoch, now) + self._consider(now)

    def peer_heard(self, peer: NodeId, now: Instant, *, could_take_over: bool) -> None:
        """Another master's heartbeat; it never says who is primary."""
        self._config.peer_heard(peer, now, could_take_over=could_take_over)

    def describe(self) -> str:
        lease, key = self._role.lease.describe(), self._observer.describe()
        largest = self._role.largest
        return f"lease {lease}; key {key}; {self._config.describe()}; largest epoch {largest}"

    def _call_at(self) -> Instant:
        due_at = self._observer.due_after(self._called_at)
        return min(self._next_call, self.handover.urgent_at, due_at)

    def _call(self, now: Instant) -> tuple[Effect, ...]:
        self.handover.urgent_at = NEVER
        write = None if self._must_read else self._role.next_write(now)
        return self._send(write or ReadLease(), now)

    def _send(self, call: ReadLease | WriteLease, now: Instant) -> tuple[Effect, ...]:
        assert self._calling is None, "one call to the key at a time"
        self._calling, self._called_at = call, now
        return (call,)

    def _overwrite(self, now: Instant) -> tuple[Effect, ...]:
        """Replace junk at once: it may be followed by more."""
        write = self._role.next_write(now) if self._role.lease.base.is_junk else None
        return NOTHING if write is None else self._send(write, now)

    def _check(self, now: Instant) -> tuple[Effect, ...]:
        self._checking, self._checked_at = True, now
        return (Check(),)

    def _consider(self, now: Instant) -> tuple[Effect, ...]:
        """Take the lease once it is due and a look at this master, young enough, ended well."""
        if self._checking or not self._may_take(now):
            return NOTHING
        if self._checked_at < self._observer.look_at:
            return self._check(now)
        return NOTHING if self._observer.obstacles(self.checks) else self._take(now)

    def _may_take(self, now: Instant) -> bool:
        return self._calling is None and not self._role.lease.held and self._observer.is_due(now)

    def _take(self, now: Instant) -> tuple[Effect, ...]:
        seen, role = self._observer.seen, self._role
        assert seen is not None, "what was never read is never due"
        return self._send(role.lease.write(Epoch(role.largest + 1), seen.revision, now), now)

    def _saw(self, seen: Seen, now: Instant) -> tuple[Effect, ...]:
        before = self.holder
        self._observer.saw(seen, now)
        return self._role.found(seen, before, now)
