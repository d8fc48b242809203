"""A seeded world for two monitors: a key over a bad network, clocks apart, freezes and crashes.

The world loses, delays and repeats calls, lets them land long after they were given up, answers
some reads with what the key held before (as a deposed leader does), spoils the key, cuts masters
off in one direction or both, freezes processes, and lets their clocks run apart by nearly all that
the margin allows. It never judges the cores: whoever does is in `after_each`, called after every
action, and looks at `terms`: from when to when, in true time, a process might act.

`Flaws` are what the shell around the cores must not have; each alone makes two primaries.
"""

import heapq
import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import assert_never

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
from services.failover_monitor.core.lease import Holder
from services.failover_monitor.core.monitor import Monitor
from services.failover_monitor.core.record import MISSING, Seen
from services.failover_monitor.core.takeover import Checks
from services.failover_monitor.core.timing import PRESETS
from shared.domain.ids import Epoch, Instant, NodeId, Revision

NODES = (NodeId("alpha"), NodeId("bravo"))
DRIFT = 0.09
"""How far a clock's rate is off: just less than `local` bears, see `Timing.rate_ratio`."""

ELECTION_SECONDS = (4.0, 8.0)
PAST_KEYS = 5
MOMENT = 1e-6


@dataclass
class Term:
    """*instance* might act from *begin* to *end* of true time in *epoch*."""

    instance: str
    epoch: Epoch
    begin: float
    end: float


@dataclass
class Weather:
    """How bad the network is: chances of loss and of an old answer, and the longest delay."""

    lost: float = 0.0
    late: float = 0.0
    stale: float = 0.0
    repeated: float = 0.0
    delay: float = 0.01
    bucket_down: bool = False


@dataclass(frozen=True)
class Flaws:
    """Faults that a shell could have: known ones, each made by hand once."""

    clock_stands_still_in_suspend: bool = False
    duplicate_is_success: bool = False
    grant_counts_from_arrival: bool = False
    handover_does_not_wait_for_config: bool = False


@dataclass
class Master:
    """One master: its monitor, its clock, and what is wrong with it."""

    node: NodeId
    offset: float
    rate: float
    instances: int = 0
    monitor: Monitor = field(init=False)
    frozen_until: float = 0.0
    is_up: bool = False
    mute: bool = False
    deaf: bool = False
    config_commits: bool = True
    fit: bool = True
    pulse: Instant | None = None
    tick_at: float | None = None

    @property
    def instance(self) -> str:
        return f"{self.node}-{self.instances}"

    def clock(self, true: float) -> Instant:
        return Instant(self.offset + true * self.rate)

    def true(self, reading: float) -> float:
        return (reading - self.offset) / self.rate


class World:
    """Everything that happens, in the order of true time."""

    def __init__(self, seed: int, preset: str = "local", flaws: Flaws | None = None) -> None:
        self.random = random.Random(seed)
        self.preset, self.timing = preset, PRESETS[preset]
        self.flaws = flaws or Flaws()
        self.now = 0.0
        self.key = MISSING
        self.log_epoch = Epoch(0)
        self.weather = Weather()
        self.terms: list[Term] = []
        self.taken: list[Took] = []
        self.lost: list[Lost] = []
        self.writers: dict[Epoch, set[str]] = {}
        self.spoilt = False
        self.after_each: list[Callable[[], None]] = []
        self._past: list[Seen] = [MISSING]
        self._queue: list[tuple[float, int, Callable[[], None]]] = []
        self._count = 0
        self.masters = {
            node: Master(node, self.random.uniform(10, 1000), self._rate()) for node in NODES
        }

    def at(self, when: float, action: Callable[[], None]) -> None:
        self._count += 1
        heapq.heappush(self._queue, (when, self._count, action))

    def run(self, until: float) -> None:
        while self._queue and self._queue[0][0] <= until:
            self.now, _, action = heapq.heappop(self._queue)
            action()
            for judge in self.after_each:
                judge()
        self.now = until

    def start(self, node: NodeId) -> None:
        master = self.masters[node]
        master.instances += 1
        master.is_up, master.tick_at = True, None
        head_start = 0.0 if node == NODES[0] else self.timing.ttl_seconds
        master.monitor = Monitor(Holder(node, master.instance), self.timing, head_start)
        self._schedule(master)
        self._beat(master, master.instance)

    def crash(self, node: NodeId) -> None:
        self.masters[node].is_up = False

    def freeze(self, node: NodeId, seconds: float) -> None:
        master = self.masters[node]
        master.frozen_until = max(master.frozen_until, self.now + seconds)

    def suspend(self, node: NodeId, seconds: float) -> None:
        """The whole machine sleeps; a clock that does not count it stands still meanwhile."""
        self.freeze(node, seconds)
        if self.flaws.clock_stands_still_in_suspend:
            self.masters[node].offset -= seconds * self.masters[node].rate
            for term in self.terms:
                if term.instance.startswith(node) and self.now < term.end:
                    self.at(self.now + seconds, partial(self._awake, term, seconds))

    def _awake(self, term: Term, slept: float) -> None:
        """What was granted before the machine slept looks as if it still held."""
        self.terms.append(Term(term.instance, term.epoch, self.now, term.end + slept))

    def elect(self) -> None:
        """The bucket loses its leader; nothing is read or written until there is another."""
        self.weather.bucket_down = True
        seconds = self.random.uniform(*ELECTION_SECONDS)
        self.at(self.now + seconds, self._elected)

    def _elected(self) -> None:
        self.weather.bucket_down = False

    def spoil(self) -> None:
        """Somebody deletes the key, or puts what is no record into it."""
        self.spoilt = True
        self._put(Seen(None, self.key.revision + 1))

    def primaries(self) -> list[NodeId]:
        return [
            each.node
            for each in self.masters.values()
            if each.is_up and each.monitor.is_primary(each.clock(self.now))
        ]

    def within(self, master: Master, instance: str, action: Callable[[], None]) -> None:
        """Run *action* in that process, when it is not frozen, if it still lives."""
        if not master.is_up or master.instance != instance:
            return
        if self.now < master.frozen_until:
            later = master.frozen_until + self.random.uniform(0, 0.001)
            self.at(later, lambda: self.within(master, instance, action))
        else:
            action()

    def _schedule(self, master: Master) -> None:
        deadline = master.monitor.deadline()
        if deadline is None:
            return
        when = max(self.now, master.true(deadline) + MOMENT)
        if master.tick_at is not None and master.tick_at <= when:
            return
        master.tick_at = when
        instance = master.instance
        self.at(when, lambda: self.within(master, instance, lambda: self._tick(master, when)))

    def _tick(self, master: Master, when: float) -> None:
        if master.tick_at != when:
            return
        master.tick_at = None
        self.perform(master, master.monitor.tick(master.clock(self.now)))

    def perform(self, master: Master, effects: Sequence[Effect]) -> None:
        for effect in effects:
            match effect:
                case ReadLease():
                    self._read(master)
                case WriteLease():
                    self._write(master, effect)
                case Check():
                    self._check(master)
                case Grant():
                    self._grant(master, effect)
                case Took():
                    self.taken.append(effect)
                case Lost():
                    self.lost.append(effect)
                case _:
                    assert_never(effect)
        self._schedule(master)

    def _call(
        self, master: Master, work: Callable[[], Callable[[], None]], failed: Callable[[], None]
    ) -> None:
        """*work* is done at the server, unless it is lost; its answer comes, late or never."""
        instance, done, weather = master.instance, [False], self.weather

        def once(answer: Callable[[], None]) -> Callable[[], None]:
            def run() -> None:
                if not done[0]:
                    done[0] = True
                    answer()

            return lambda: self.within(master, instance, run)

        def arrive() -> None:
            if self.weather.bucket_down:
                self._keep(weather, arrive)
                return
            answer = work()
            if self.random.random() >= weather.lost and not master.deaf:
                self.at(self.now + self.delay(), once(answer))

        self._send(master, weather, arrive)
        self.at(self.now + self.timing.renew_seconds, once(failed))

    def _send(self, master: Master, weather: Weather, arrive: Callable[[], None]) -> None:
        for _ in range(self._times()):
            if self.random.random() >= weather.lost and not master.mute:
                self.at(self.now + self.delay(), arrive)

    def _times(self) -> int:
        """How often a message is sent: the network repeats some."""
        return 1 + (self.random.random() < self.weather.repeated)

    def _keep(self, weather: Weather, arrive: Callable[[], None]) -> None:
        """A server without a leader keeps some calls, and they land when nobody waits any more."""
        if self.random.random() < weather.late:
            self.at(self.now + self.random.uniform(0, ELECTION_SECONDS[1]), arrive)

    def _rate(self) -> float:
        """Seconds of a clock in a second of true time: often as far off as may be."""
        return 1 + self.random.choice((-DRIFT, DRIFT, self.random.uniform(-DRIFT, DRIFT)))

    def _put(self, key: Seen) -> None:
        self.key = key
        self._past = [*self._past[1 - PAST_KEYS :], key]

    def delay(self) -> float:
        if self.random.random() < self.weather.late:
            return self.random.uniform(0, 3.0)
        return self.random.uniform(0, self.weather.delay)

    def _read(self, master: Master) -> None:
        def tell(seen: Seen | None) -> None:
            self.perform(master, master.monitor.lease_read(seen, master.clock(self.now)))

        def work() -> Callable[[], None]:
            stale = self.random.random() < self.weather.stale
            seen = self.random.choice(self._past) if stale else self.key
            return lambda: tell(seen)

        self._call(master, work, lambda: tell(None))

    def _write(self, master: Master, effect: WriteLease) -> None:
        def tell(outcome: int | Refusal) -> None:
            self.perform(master, master.monitor.lease_written(outcome, master.clock(self.now)))

        def work() -> Callable[[], None]:
            if self.key.revision != effect.expected:
                revision = self.key.revision
                if self.flaws.duplicate_is_success:
                    return lambda: tell(revision)
                return lambda: tell(Refusal.REFUSED)
            revision = self.key.revision + self.random.randint(1, 3)
            self._put(Seen(effect.record, revision))
            return lambda: tell(revision)

        self._call(master, work, lambda: tell(Refusal.UNKNOWN))

    def _check(self, master: Master) -> None:
        instance = master.instance
        unfit = () if master.fit and not self.weather.bucket_down else ("the log is silent",)
        checks = Checks(unfit=unfit, epoch=self.log_epoch, revision=Revision(1), pulse=master.pulse)

        def tell() -> None:
            self.perform(master, master.monitor.checked(checks, master.clock(self.now)))

        self.at(
            self.now + self.random.uniform(0, 0.05),
            lambda: self.within(master, instance, tell),
        )

    def _grant(self, master: Master, grant: Grant) -> None:
        if grant.paused:
            return
        epoch, end = grant.epoch, master.true(grant.valid_until)
        if self.flaws.grant_counts_from_arrival:
            end = self.now + self.timing.acting_seconds
        if end > self.now + MOMENT:
            self.terms.append(Term(master.instance, epoch, self.now, end))
            if master.config_commits:
                master.pulse = master.clock(self.now)
                self._begin(master, epoch)

    def _begin(self, master: Master, epoch: Epoch) -> None:
        """What config does on a grant: `epoch_began`, unless the log is ahead."""
        if epoch >= self.log_epoch:
            self.log_epoch = epoch
            self.writers.setdefault(epoch, set()).add(master.instance)

    def _beat(self, master: Master, instance: str) -> None:
        def beat() -> None:
            now = master.clock(self.now)
            could = master.monitor.could_take_over(now)
            for other in self.masters.values():
                if other is not master and other.is_up and not (master.mute or other.deaf):
                    for _ in range(self._times()):
                        self._tell_peer(other, master.node, could)
            self._beat(master, instance)

        when = self.now + self.timing.heartbeat_seconds
        self.at(when, lambda: self.within(master, instance, beat))

    def _tell_peer(self, other: Master, node: NodeId, could: bool) -> None:
        if self.random.random() < self.weather.lost:
            return
        instance = other.instance

        def hear() -> None:
            now = other.clock(self.now)
            other.monitor.peer_heard(node, now, could_take_over=could)

        self.at(self.now + self.delay(), lambda: self.within(other, instance, hear))
