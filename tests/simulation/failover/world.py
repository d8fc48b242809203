"""A seeded world for two monitors: a key over a bad network, clocks apart, freezes and crashes.

The world loses, delays and repeats calls, lets them land long after they were given up, answers
some reads with what the key held before (as a deposed leader does), spoils the key, cuts masters
off in one direction or both, freezes processes, and lets their clocks run apart by nearly all that
the margin allows. It never judges the cores: `Judge` does, after every call of a core.

`Flaws` are what the shell around the cores must not have; each alone makes two primaries.
"""

from collections.abc import Callable, Sequence
from random import Random
from typing import Any, Final, assert_never

from services.failover_monitor.core.effects import (
    CheckHealth,
    CollectVotes,
    Effect,
    Grant,
    ReadLease,
    RoleAcquired,
    RoleLost,
    WriteLease,
)
from services.failover_monitor.core.facts import (
    HealthChecked,
    LeaseRead,
    LeaseWritten,
    PeerHeartbeat,
    WriteFailure,
)
from services.failover_monitor.core.health import HealthReport
from services.failover_monitor.core.monitor import Monitor
from services.failover_monitor.core.record import Holder, KeyState
from services.failover_monitor.core.timing import PRESETS
from shared.domain.ids import Epoch, NodeId, Revision
from tests.simulation.event_queue import EventQueue
from tests.simulation.failover.bucket import Bucket
from tests.simulation.failover.calls import LONGEST_DELAY_SECONDS, Call
from tests.simulation.failover.faults import ELECTION_SECONDS, USUAL_FAULTS, Flaws
from tests.simulation.failover.judge import Judge
from tests.simulation.failover.master import Master
from tests.simulation.failover.services import Services

NODES: Final = (NodeId("alpha"), NodeId("bravo"))
DRIFT: Final = 0.09
"""How far a clock's rate is off: just less than `local` bears, see `Timing.rate_ratio`."""

LONGEST_LOOK_SECONDS: Final = 1.0
"""How long a master takes to look at itself when its database or the log is slow."""

MOMENT: Final = 1e-6
NOTHING: Final[tuple[Effect, ...]] = ()
ONE: Final = Revision(1)


class World:
    """Everything that happens, in the order of true time."""

    def __init__(self, seed: int, preset: str = "local", flaws: Flaws | None = None) -> None:
        self.random = Random(seed)
        self.event_queue = EventQueue()
        self.preset, self.timing = preset, PRESETS[preset]
        self.flaws = flaws or Flaws()
        self.bucket = Bucket(self.random, self.flaws)
        self.fault_plan = USUAL_FAULTS
        self.log_epoch = Epoch(0)
        self.acquired: list[RoleAcquired] = []
        self.lost: list[RoleLost] = []
        self.masters = {
            node: Master(node, self.random.uniform(10, 1000), self._rate(), Services(self.random))
            for node in NODES
        }
        self.judge = Judge(self)
        self.give_way: Callable[[Master], None] = _nobody_gives_way
        self.ask_promises: Callable[[Master, CollectVotes], None] = _nobody_promises
        self.on_line: Callable[[str], None] | None = None
        """Called with each line of the transcript; None when no transcript is wanted."""

    @property
    def now(self) -> float:
        return self.event_queue.now

    def run(self, until: float) -> None:
        self.event_queue.run(until)

    def start(self, node: NodeId) -> None:
        master = self.masters[node]
        master.lives += 1
        master.instance = f"{node}-{master.lives}"
        master.is_up, master.tick_at = True, None
        head_start = 0.0 if node == NODES[0] else self.timing.ttl_seconds
        master.monitor = Monitor(Holder(node, master.instance), self.timing, head_start)
        self.record(f"{master.instance} starts")
        self._schedule(master)
        self._beat_later(master)

    def crash(self, node: NodeId) -> None:
        self.record(f"{node} crashes")
        self.masters[node].is_up = False

    def freeze(self, node: NodeId, seconds: float) -> None:
        self.record(f"{node} is frozen for {seconds:.3f} s")
        master = self.masters[node]
        master.frozen_until = max(master.frozen_until, self.now + seconds)

    def suspend(self, node: NodeId, seconds: float) -> None:
        """The whole machine sleeps; a clock that does not count it stands still meanwhile."""
        self.freeze(node, seconds)
        if self.flaws.clock_stands_still_in_suspend:
            self.masters[node].offset -= seconds * self.masters[node].rate
            for (instance, epoch), end in self.judge.terms_of(node).items():
                awake = self.now + seconds
                self.at(awake, self.judge.may_act, instance, epoch, end + seconds)

    def elect(self) -> None:
        """The bucket loses its leader; nothing is read or written until there is another."""
        self.record("the bucket loses its leader")
        self.bucket.is_down = True
        self.at(self.now + self.random.uniform(*ELECTION_SECONDS), self._elected)

    def _elected(self) -> None:
        self.record("the bucket has a leader")
        self.bucket.is_down = False

    def primaries(self) -> list[NodeId]:
        return [each.node for each in self.masters.values() if each.acts(self.now)]

    def epoch_of(self, master: Master) -> Epoch:
        """The epoch that a master's own database has; here it is always at the log's end."""
        del master
        return self.log_epoch

    def record(self, line: str) -> None:
        """Add one line to the transcript."""
        if self.on_line is not None:
            self.on_line(f"{self.now:9.3f}  {line}")

    def at(self, when: float, action: Callable[..., None], *args: Any) -> None:
        """Do *action* when true time is *when*."""
        self.event_queue.at(when, action, *args)

    def within(
        self, master: Master, instance: str, action: Callable[..., None], *args: Any
    ) -> None:
        """Do *action* in that process, when it is not frozen, if it still lives."""
        if not master.is_up or master.instance != instance:
            return
        if self.now < master.frozen_until:
            later = master.frozen_until + self.random.uniform(0, 0.001)
            self.at(later, self.within, master, instance, action, *args)
        else:
            action(*args)

    def delay(self) -> float:
        """Draw how long a message is under way."""
        fault_plan = self.fault_plan
        if fault_plan.late and self.random.random() < fault_plan.late:
            return self.random.uniform(0, LONGEST_DELAY_SECONDS)
        return self.random.uniform(0, fault_plan.delay)

    def times(self) -> int:
        """How often a message is sent: the network repeats some."""
        return 1 + (self.random.random() < self.fault_plan.repeated)

    def perform(self, master: Master, effects: Sequence[Effect]) -> None:
        """Do what the core wants done, and what it wants when that is answered at once."""
        wanted = list(effects)
        for effect in wanted:
            match effect:
                case ReadLease():
                    wanted += self._read(master)
                case WriteLease() as call:
                    wanted += self._write(master, call)
                case CheckHealth():
                    wanted += self._check(master)
                case Grant() as grant:
                    self._grant(master, grant)
                case RoleAcquired() | RoleLost() as change:
                    self._changed(master, change)
                case CollectVotes() as asking:
                    self.ask_promises(master, asking)
                case _:
                    assert_never(effect)
        self.judge.was_called(master)
        self._schedule(master)

    def _changed(self, master: Master, change: RoleAcquired | RoleLost) -> None:
        if isinstance(change, RoleAcquired):
            self.acquired.append(change)
        else:
            self.lost.append(change)
        verb = "took" if isinstance(change, RoleAcquired) else "lost"
        self.record(f"{master.instance} {verb} epoch {change.epoch}: {change.cause}")

    def _schedule(self, master: Master) -> None:
        deadline = master.monitor.deadline()
        if deadline is None:
            return
        when = max(self.event_queue.now, master.true(deadline) + MOMENT)
        if master.tick_at is None or master.tick_at > when:
            master.tick_at = when
            self.event_queue.at(when, self._tick, master, when)

    def _tick(self, master: Master, when: float) -> None:
        if master.tick_at != when or not master.is_up:
            return  # another tick is due instead, or nobody is left to tick
        now = self.event_queue.now
        if now < master.frozen_until:
            self.within(master, master.instance, self._tick, master, when)
            return
        master.tick_at = None
        self.perform(master, master.monitor.tick(master.clock(now)))

    def _reaches_at_once(self, master: Master) -> bool:
        is_free = self.fault_plan.is_fault_free and not self.bucket.is_down
        return is_free and not (master.mute or master.deaf)

    def _read(self, master: Master) -> tuple[Effect, ...]:
        if self._reaches_at_once(master):
            return master.monitor.step(LeaseRead(self.bucket.read()), master.clock(self.now))
        Call(self, master, self.bucket.read_at, self._was_read).send(
            self.timing.renew_seconds, None
        )
        return NOTHING

    def _was_read(self, master: Master, seen: KeyState | None) -> None:
        self.perform(master, master.monitor.step(LeaseRead(seen), master.clock(self.now)))

    def _write(self, master: Master, call: WriteLease) -> tuple[Effect, ...]:
        self.bucket.sent(call.record)
        if self._reaches_at_once(master):
            outcome = self.bucket.write_call(call)
            return master.monitor.step(LeaseWritten(outcome), master.clock(self.event_queue.now))

        def work(_: float) -> int | WriteFailure:
            return self.bucket.write_call(call)

        patience = self.timing.renew_seconds
        Call(self, master, work, self._was_written).send(patience, WriteFailure.UNKNOWN)
        return NOTHING

    def _was_written(self, master: Master, outcome: int | WriteFailure) -> None:
        self.perform(master, master.monitor.step(LeaseWritten(outcome), master.clock(self.now)))

    def _check(self, master: Master) -> tuple[Effect, ...]:
        checks = self._found(master)
        if self.fault_plan.is_fault_free:
            return master.monitor.step(HealthChecked(checks), master.clock(self.event_queue.now))
        late = self.fault_plan.late
        longest = LONGEST_LOOK_SECONDS if late and self.random.random() < late else 0.05
        later, action = self.now + self.random.uniform(0, longest), self._was_checked
        self.at(later, self.within, master, master.instance, action, master, checks)
        return NOTHING

    def _found(self, master: Master) -> HealthReport:
        unfit = () if master.fit and not self.bucket.is_down else ("the log is silent",)
        proofs = master.services.proofs(master.clock(self.now))
        return HealthReport(failed_checks=unfit, epoch=self.log_epoch, revision=ONE, proofs=proofs)

    def _was_checked(self, master: Master, checks: HealthReport) -> None:
        self.perform(master, master.monitor.step(HealthChecked(checks), master.clock(self.now)))

    def _grant(self, master: Master, grant: Grant) -> None:
        if grant.paused:
            return
        end = master.true(grant.valid_until)
        if self.flaws.grant_counts_from_arrival:
            end = self.now + self.timing.acting_seconds
        if end > self.now + MOMENT:
            self.judge.may_act(master.instance, grant.epoch, end)
            if master.services.commits:
                self._begin(master, grant.epoch)

    def _begin(self, master: Master, epoch: Epoch) -> None:
        """What config does on a grant: `epoch_began`, unless the log is ahead."""
        if epoch >= self.log_epoch:
            self.log_epoch = epoch
            self.judge.began(epoch, master.instance)
            master.services.accepts_epoch = epoch

    def _beat_later(self, master: Master) -> None:
        when = self.event_queue.now + self.timing.heartbeat_seconds
        self.at(when, self.within, master, master.instance, self._beat, master)

    def _beat(self, master: Master) -> None:
        status = master.monitor.status(master.clock(self.event_queue.now))
        if status.successor is not None and master.hands_over != master.instance:
            self.give_way(master)
        report = (master.node, status.could_take_over, status.is_reluctant)
        for other in self.masters.values():
            if other is not master and other.is_up and not (master.mute or other.deaf):
                self._send_heartbeat(other, PeerHeartbeat(*report))
        self._beat_later(master)

    def _send_heartbeat(self, other: Master, heartbeat: PeerHeartbeat) -> None:
        if self.fault_plan.is_fault_free:
            self.within(other, other.instance, self._hear, other, heartbeat)
            return
        for _ in range(self.times()):
            if self.random.random() >= self.fault_plan.lost:
                later, action = self.now + self.delay(), self._hear
                args = other, other.instance, action, other, heartbeat
                self.at(later, self.within, *args)

    def _hear(self, other: Master, heartbeat: PeerHeartbeat) -> None:
        other.monitor.step(heartbeat, other.clock(self.event_queue.now))

    def _rate(self) -> float:
        """Seconds of a clock in a second of true time: often as far off as may be."""
        return 1 + self.random.choice((-DRIFT, DRIFT, self.random.uniform(-DRIFT, DRIFT)))


def _nobody_gives_way(_master: Master) -> None:
    """A world without a shell that hands over the role of a sick master."""


def _nobody_promises(_master: Master, _asking: CollectVotes) -> None:
    """A world without the failsafe promise."""
