"""Decides whether one master is primary: holder, observer, or one becoming the other.

`Monitor` is the only object that the shell knows: `step` takes a fact, `tick` takes the time, and
both return effects. The parts behind it are one concept each: the lease of this process, its role,
the observer of the key, the handover, and both sides of the failsafe promise.

After an unknown outcome the key is read before anything is written. A record of this process in it
counts from when that very record was sent, another's ends the role, and junk is replaced while the
lease is valid. A holder whose lease ran out keeps trying on its own last revision: success proves
that nobody acted in between.

Safety does not depend on the loop that drives this core: a grant names an absolute deadline on a
clock that counts suspend. However long the loop stalls or the process is stopped, every process of
this master stops acting in time by itself.
"""

from dataclasses import dataclass
from typing import Final, assert_never

from services.failover_monitor.core.effects import (
    CheckHealth,
    CollectVotes,
    Effect,
    Grant,
    ReadLease,
)
from services.failover_monitor.core.facts import (
    Fact,
    HealthChecked,
    LeaseRead,
    LeaseWritten,
    PeerHeartbeat,
    SuccessorNamed,
    VotesCollected,
    WriteFailure,
)
from services.failover_monitor.core.fitness import Fitness
from services.failover_monitor.core.handover import Handover, PreparedRecord
from services.failover_monitor.core.health import NOT_CHECKED, HealthReport
from services.failover_monitor.core.keeping import Keeping
from services.failover_monitor.core.key_calls import KeyCalls
from services.failover_monitor.core.lease import Lease
from services.failover_monitor.core.observer import Observer
from services.failover_monitor.core.promise_requester import PromiseRequester
from services.failover_monitor.core.promise_voter import PromiseVoter
from services.failover_monitor.core.ready_masters import ReadyMasters
from services.failover_monitor.core.record import Holder, KeyState
from services.failover_monitor.core.role import Role
from services.failover_monitor.core.timing import NEVER, Timing
from shared.domain.ids import Epoch, Instant, NodeId
from shared.events.failover import PromiseTerms, PromiseVote

NOTHING: Final[tuple[Effect, ...]] = ()


@dataclass(frozen=True, slots=True)
class MonitorStatus:
    """This master's knowledge of its role at one moment.

    *epoch* is the one that it acts in, or the largest that it has seen. *holder* is the master that
    the key named when it was last read. *reasons* say why it would not take over, or what is wrong
    with a primary; empty when all is well. *health* is the last health report. *faults* are what
    makes a primary unfit for its role; *successor* is the master to hand it to at once, if any.
    A master *is_reluctant* that accepted no changes when it last was primary.
    """

    is_primary: bool
    epoch: Epoch
    holder: NodeId | None
    could_take_over: bool
    reasons: tuple[str, ...]
    health: HealthReport
    faults: tuple[str, ...] = ()
    successor: NodeId | None = None
    is_reluctant: bool = False


class Monitor:
    """The lease as this master holds or watches it."""

    def __init__(self, holder: Holder, timing: Timing, head_start_seconds: float = 0.0) -> None:
        self._calls = KeyCalls(timing)
        self._observer = Observer(holder.node, timing, head_start_seconds)
        self._fitness = Fitness(timing)
        self._ready = ReadyMasters(timing)
        self._lease = Lease(holder, timing)
        self._handover = Handover(self._lease)
        self._keeping = Keeping(self._lease, self._fitness, self._ready, timing)
        self._role = Role(self._lease, self._handover, self._fitness, self._keeping)
        self._requester = PromiseRequester(holder, timing)
        self._voter = PromiseVoter(self._lease, self._role, self._observer, timing)
        self._health = NOT_CHECKED
        self._is_checking = False
        self._checked_at = Instant(0.0)

    @property
    def epoch(self) -> Epoch:
        """Return the epoch that this master acts in, or the largest that it has seen."""
        return self._lease.epoch if self._lease.is_held else self._role.largest_epoch

    def is_primary(self, now: Instant) -> bool:
        """Say whether this master acts as primary at *now*."""
        return self._role.is_acting(now)

    def status(self, now: Instant) -> MonitorStatus:
        """Return what this master knows about its role at *now*."""
        reasons = self._reasons(now)
        return MonitorStatus(
            is_primary=self.is_primary(now),
            epoch=self.epoch,
            holder=self._named(),
            could_take_over=not self._lease.is_held and not reasons,
            reasons=reasons,
            health=self._health,
            faults=self._keeping.faults(now),
            successor=self._keeping.successor(now) if self.is_primary(now) else None,
            is_reluctant=self._fitness.is_reluctant(now),
        )

    def describe(self) -> str:
        """Write one line for logs and transcripts."""
        known = (part.describe() for part in (self._observer, self._fitness, self._ready))
        lease, largest = self._lease.describe(), self._role.largest_epoch
        return f"lease {lease}; key {'; '.join(known)}; largest {largest}"

    def deadline(self) -> Instant | None:
        """Return when `tick` has something to do; None while every answer is awaited."""
        first = self._request_at()
        if self._calls.is_idle:
            first = min(first, self._call_at())
        if not self._is_checking:
            first = min(first, self._observer.check_at(self._checked_at))
        return None if first == NEVER else first

    def tick(self, now: Instant) -> tuple[Effect, ...]:
        """Do what is due at *now*."""
        effects = NOTHING
        if not self._is_checking and now >= self._observer.check_at(self._checked_at):
            effects += self._check(now)
        if self._calls.is_idle and now >= self._call_at():
            effects += self._call(now)
        if now >= self._request_at():
            effects += self._request_promises(now)
        return effects

    def step(self, fact: Fact, now: Instant) -> tuple[Effect, ...]:
        """Learn *fact*, which became known at *now*."""
        match fact:
            case LeaseRead(key):
                return self._record_read(key, now)
            case LeaseWritten(outcome):
                return self._record_write(outcome, now)
            case HealthChecked(report):
                return self._record_health(report, now)
            case VotesCollected():
                return self._count_votes(fact, now)
            case PeerHeartbeat(node, could, is_reluctant):
                self._ready.record(node, now, could_take_over=could, is_reluctant=is_reluctant)
                return NOTHING
            case SuccessorNamed():
                self._handover.expect_role(now)
                return NOTHING
            case _:
                assert_never(fact)

    def vote(self, terms: PromiseTerms, now: Instant, *, can_write: bool) -> PromiseVote:
        """Vote on a primary's request; *can_write* is whether a write since then succeeded."""
        return self._voter.vote(terms, now, can_write=can_write)

    def prepare(self, now: Instant, why: str = "") -> PreparedRecord:
        """Await the role: the holder, in which *why* is wrong, may write the returned record."""
        return self._handover.prepare(now, why)

    def pause(self, now: Instant) -> tuple[Grant, ...]:
        """Stop acting as primary, but keep the lease."""
        self._fitness.end_role(now)
        return self._handover.pause(now)

    def name_successor(self, successor: PreparedRecord, now: Instant) -> bool:
        """Hand the lease to *successor*; False when it is too late."""
        return self._handover.name_successor(successor, now)

    def resume(self, now: Instant) -> None:
        """Act as primary again, once a renewal that is sent from now on has succeeded."""
        self._handover.resume(now)

    def _named(self) -> NodeId | None:
        key = self._observer.key
        return None if key is None or key.record is None else key.record.holder

    def _reasons(self, now: Instant) -> tuple[str, ...]:
        """List why this master would not take over now; of a holder, the faults of its role."""
        own = self._role.reasons(now)
        if self._lease.is_held:
            return own
        blind = ("the lease cannot be read",) if self._observer.is_blind(now) else ()
        return (*blind, *own, *self._observer.obstacles(self._health))

    def _record_read(self, key: KeyState | None, now: Instant) -> tuple[Effect, ...]:
        self._calls.end_read(key, now)
        if key is None:
            return NOTHING
        return self._record_key(key, now) + self._replace_junk(now) + self._consider(now)

    def _record_write(self, outcome: int | WriteFailure, now: Instant) -> tuple[Effect, ...]:
        call = self._calls.end_write(outcome, now)
        self._requester.record_write(outcome)
        if isinstance(outcome, WriteFailure):
            return NOTHING
        return self._record_key(KeyState(call.record, outcome), now)

    def _record_health(self, report: HealthReport, now: Instant) -> tuple[Effect, ...]:
        self._is_checking = False
        held = self._lease.epoch if self._lease.is_held else None
        self._fitness.record(report.proofs, held, now)
        self._health = report.with_faults(self._fitness.candidate_faults(now))
        return self._role.learn_epoch(report.epoch, now) + self._consider(now)

    def _count_votes(self, collected: VotesCollected, now: Instant) -> tuple[Effect, ...]:
        tally, effects = self._requester.count(collected, self._lease.epoch), NOTHING
        for vote in tally.votes:
            effects += self._role.learn_epoch(vote.largest, now)
        if tally.promised_at is not None:
            effects += self._role.extend(tally.promised_at, now)
        return effects

    def _request_at(self) -> Instant:
        if not self._role.has_begun:
            return NEVER
        return self._requester.due_at(self._lease.valid_until)

    def _request_promises(self, now: Instant) -> tuple[Effect, ...]:
        """Ask every other master, unless the role is over or on its way to another master."""
        if not (self._role.is_acting(now) and self._keeping.may_renew(now)):
            self._requester.skip(now)
            return NOTHING
        return (CollectVotes(self._requester.open_request(self._lease.epoch, now)),)

    def _call_at(self) -> Instant:
        due_at = self._observer.due_after(self._calls.called_at)
        return min(self._calls.next_at, self._handover.call_at, due_at)

    def _call(self, now: Instant) -> tuple[Effect, ...]:
        self._handover.record_call()
        write = None if self._calls.must_read else self._role.next_write(now)
        return self._calls.begin(write or ReadLease(), now)

    def _replace_junk(self, now: Instant) -> tuple[Effect, ...]:
        """Write over junk at once: more may follow."""
        write = self._role.next_write(now) if self._lease.base.is_junk else None
        return NOTHING if write is None else self._calls.begin(write, now)

    def _check(self, now: Instant) -> tuple[Effect, ...]:
        self._is_checking, self._checked_at = True, now
        return (CheckHealth(),)

    def _consider(self, now: Instant) -> tuple[Effect, ...]:
        """Take the lease once it is due and a recent health check found no obstacle."""
        if self._is_checking or not self._may_acquire(now):
            return NOTHING
        if self._checked_at < self._observer.check_from:
            return self._check(now)
        return NOTHING if self._observer.obstacles(self._health) else self._acquire(now)

    def _may_acquire(self, now: Instant) -> bool:
        return self._calls.is_idle and not self._lease.is_held and self._observer.is_due(now)

    def _acquire(self, now: Instant) -> tuple[Effect, ...]:
        key = self._observer.key
        assert key is not None, "what was never read is never due"
        return self._calls.begin(self._role.acquire(key.revision, now), now)

    def _record_key(self, key: KeyState, now: Instant) -> tuple[Effect, ...]:
        previous = self._named()
        self._observer.record_key(key, now)
        return self._role.record_key(key, previous, now)
