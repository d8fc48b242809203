"""A planned change of primary: who stops, who is named, and when the old one goes on."""

import pytest

from services.failover_monitor.core.effects import Effect, Grant, RoleAcquired, RoleLost, WriteLease
from services.failover_monitor.core.facts import (
    HealthChecked,
    LeaseRead,
    LeaseWritten,
    SuccessorNamed,
    WriteFailure,
)
from services.failover_monitor.core.handover import PATIENCE_SECONDS, PreparedRecord
from services.failover_monitor.core.health import HealthReport
from services.failover_monitor.core.monitor import Monitor
from services.failover_monitor.core.record import Holder, KeyState, LeaseRecord
from services.failover_monitor.core.timing import PRESETS
from shared.domain.ids import Epoch, Instant, NodeId
from tests.fakes.proofs import working
from tests.unit.failover_monitor.test_monitor import ACTING, Bench, of, primary, theirs

TIMING = PRESETS["local"]
ALPHA, BRAVO = NodeId("alpha"), NodeId("bravo")
BRAVO_ONE = Holder(BRAVO, "b1")
SUCCESSOR = PreparedRecord(BRAVO_ONE, 7)


def stopped() -> Bench:
    bench = primary()
    bench.perform(bench.monitor.pause(bench.at()))
    return bench


def grants(effects: list[Effect]) -> list[Grant]:
    return [effect for effect in effects if isinstance(effect, Grant)]


def observer(key: KeyState) -> Monitor:
    """Bravo's monitor, which has read *key* at 10.0."""
    monitor = Monitor(BRAVO_ONE, TIMING)
    monitor.tick(Instant(10.0))
    monitor.step(HealthChecked(HealthReport(proofs=working(Instant(10.0)))), Instant(10.0))
    monitor.step(LeaseRead(key), Instant(10.0))
    return monitor


def test_who_stops_does_not_act_and_says_so_but_keeps_the_lease() -> None:
    bench = stopped()
    assert not bench.is_primary()
    assert bench.done == [Grant(Epoch(1), grants(bench.done)[0].valid_until, paused=True)]
    assert bench.monitor.status(bench.at()).reasons == ("it is handing its role over",)
    done = bench.run(2)
    assert of(WriteLease, done) != []
    assert {grant.paused for grant in grants(done)} == {True}
    assert bench.key.record is not None
    assert bench.key.record.holder == ALPHA


def test_only_who_acts_can_stop_and_only_who_has_stopped_and_stays_so_hands_over() -> None:
    bench = Bench()
    with pytest.raises(AssertionError, match="only who acts can stop"):
        bench.monitor.pause(bench.at())
    acting = primary()
    assert not acting.monitor.name_successor(SUCCESSOR, acting.at())
    acting.monitor.pause(acting.at())
    acting.monitor.resume(acting.at())
    assert not acting.monitor.name_successor(SUCCESSOR, acting.at())
    acting.run(2)
    assert {write.record.holder for write in acting.writes} == {ALPHA}


def test_one_compare_and_set_names_the_successor_at_the_next_epoch() -> None:
    bench = stopped()
    revision = bench.key.revision
    assert bench.monitor.name_successor(SUCCESSOR, bench.at())
    done = bench.run(0.01)
    assert of(WriteLease, done) == [
        WriteLease(LeaseRecord(Epoch(2), BRAVO, "b1", 7, 1.5, 0.15, revision), revision)
    ]
    assert of(RoleLost, done) == [RoleLost(Epoch(1), "the lease is bravo's")]
    (withdrawal,) = grants(done)
    assert withdrawal.epoch == 2
    assert withdrawal.valid_until <= bench.at()
    assert not bench.is_primary()


def test_the_next_epoch_is_larger_than_every_one_seen() -> None:
    bench = primary()
    bench.key, bench.checks = theirs(epoch=3), HealthReport(epoch=Epoch(8))
    bench.run(3)
    assert bench.monitor.epoch == 9
    bench.perform(bench.monitor.pause(bench.at()))
    bench.monitor.name_successor(SUCCESSOR, bench.at())
    bench.run(0.01)
    assert bench.writes[-1].record.epoch == 10


def test_a_successor_is_named_when_the_call_under_way_has_ended() -> None:
    bench = stopped()
    bench.run(TIMING.renew_seconds * 0.9)
    monitor = bench.monitor
    deadline = monitor.deadline()
    assert deadline is not None
    renewal = monitor.tick(Instant(deadline + 0.1))
    monitor.name_successor(SUCCESSOR, Instant(deadline + 0.11))
    assert monitor.tick(Instant(deadline + 0.12)) == ()
    call = next(each for each in renewal if isinstance(each, WriteLease))
    monitor.step(LeaseWritten(call.expected + 1), Instant(deadline + 0.13))
    (handing,) = of(WriteLease, list(monitor.tick(Instant(deadline + 0.14))))
    assert isinstance(handing, WriteLease)
    assert (handing.record.holder, handing.expected) == (BRAVO, call.expected + 1)


def test_a_lease_that_ran_out_is_handed_to_nobody() -> None:
    bench = stopped()
    bench.now += ACTING + 0.1
    bench.monitor.name_successor(SUCCESSOR, bench.at())
    done = bench.run(0.01)
    assert {write.record.holder for write in bench.writes} == {ALPHA}
    assert of(RoleLost, done) == []


def test_who_resumes_acts_only_after_a_new_renewal_succeeded() -> None:
    bench = stopped()
    bench.monitor.resume(bench.at())
    assert not bench.is_primary()
    done = bench.run(0.01)
    assert [(grant.epoch, grant.paused) for grant in grants(done)] == [(1, False)]
    assert bench.is_primary()


def test_a_renewal_sent_before_the_decision_does_not_bring_the_role_back() -> None:
    bench = stopped()
    monitor = bench.monitor
    deadline = monitor.deadline()
    assert deadline is not None
    (call,) = of(WriteLease, list(monitor.tick(Instant(deadline + 0.01))))
    assert isinstance(call, WriteLease)
    monitor.resume(Instant(deadline + 0.02))
    (grant,) = monitor.step(LeaseWritten(call.expected + 1), Instant(deadline + 0.03))
    assert isinstance(grant, Grant)
    assert grant.paused
    assert not monitor.is_primary(Instant(deadline + 0.03))


def test_after_an_unknown_outcome_the_old_one_acts_only_when_its_own_renewal_wins() -> None:
    bench = stopped()
    bench.write_answer = WriteFailure.UNKNOWN
    bench.monitor.name_successor(SUCCESSOR, bench.at())
    bench.run(0.01)
    bench.monitor.resume(bench.at())
    bench.run(0.6)
    assert not bench.is_primary()
    bench.write_answer = None
    bench.run(0.6)
    assert bench.is_primary()
    assert bench.monitor.epoch == 1


def test_an_unknown_outcome_that_landed_ends_the_role() -> None:
    bench = stopped()
    bench.write_answer = WriteFailure.UNKNOWN
    bench.monitor.name_successor(SUCCESSOR, bench.at())
    bench.run(0.001)
    handed = bench.writes[-1]
    bench.key = KeyState(handed.record, handed.expected + 1)
    bench.monitor.resume(bench.at())
    assert of(RoleLost, bench.run(0.5)) == [RoleLost(Epoch(1), "the lease is bravo's")]
    assert not bench.is_primary()


def test_a_handover_that_was_forgotten_ends_by_itself() -> None:
    bench = stopped()
    bench.run(ACTING + PATIENCE_SECONDS - 0.3)
    assert not bench.is_primary()
    bench.run(2 * TIMING.renew_seconds + 0.3)
    assert bench.is_primary()


def test_the_successor_that_was_named_acts_from_when_it_prepared() -> None:
    key = KeyState(LeaseRecord(Epoch(3), ALPHA, "a1", 5, 1.5, 0.15), 20)
    monitor = observer(key)
    prepared = monitor.prepare(Instant(10.02))
    monitor.step(SuccessorNamed(), Instant(10.05))
    assert monitor.deadline() == 10.05
    monitor.tick(Instant(10.05))
    named = LeaseRecord(Epoch(4), BRAVO, "b1", prepared.n, 1.5, 0.15)
    acquired, grant = monitor.step(LeaseRead(KeyState(named, 21)), Instant(10.06))
    assert acquired == RoleAcquired(Epoch(4), ALPHA, "alpha handed its role over")
    assert grant == Grant(Epoch(4), Instant(10.02 + ACTING), planned=True)
    assert monitor.is_primary(Instant(10.06))


def test_a_record_that_nobody_prepared_makes_nobody_primary() -> None:
    key = KeyState(LeaseRecord(Epoch(3), ALPHA, "a1", 5, 1.5, 0.15), 20)
    monitor = observer(key)
    monitor.step(SuccessorNamed(), Instant(10.3))
    monitor.tick(Instant(10.3))
    named = LeaseRecord(Epoch(4), BRAVO, "b1", 1, 1.5, 0.15)
    assert monitor.step(LeaseRead(KeyState(named, 21)), Instant(10.31)) == ()
    assert not monitor.is_primary(Instant(10.31))


def test_a_record_that_was_prepared_long_ago_gives_no_right_to_act() -> None:
    key = KeyState(LeaseRecord(Epoch(3), ALPHA, "a1", 5, 1.5, 0.15), 20)
    monitor = observer(key)
    prepared = monitor.prepare(Instant(10.2))
    monitor.step(SuccessorNamed(), Instant(12.0))
    monitor.tick(Instant(12.0))
    named = LeaseRecord(Epoch(4), BRAVO, "b1", prepared.n, 1.5, 0.15)
    monitor.step(LeaseRead(KeyState(named, 21)), Instant(12.0))
    assert not monitor.is_primary(Instant(12.0))


def test_a_takeover_after_a_switchover_is_not_planned() -> None:
    bench = primary()
    assert {grant.planned for grant in grants(bench.run(1))} == {False}
