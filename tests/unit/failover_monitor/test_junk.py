"""Junk in the lease's key: what the holder and the observer do about it, effect by effect."""

import pytest

from services.failover_monitor.core.effects import (
    CheckHealth,
    Effect,
    Grant,
    ReadLease,
    RoleAcquired,
    RoleLost,
    WriteLease,
)
from services.failover_monitor.core.facts import LeaseRead, WriteFailure
from services.failover_monitor.core.handover import PreparedRecord
from services.failover_monitor.core.health import HealthReport
from services.failover_monitor.core.monitor import Monitor
from services.failover_monitor.core.record import Holder, KeyState, LeaseRecord
from services.failover_monitor.core.timing import PRESETS
from shared.domain.ids import Epoch, Instant
from shared.events.failover import PromiseTerms
from tests.unit.failover_monitor.test_monitor import ALPHA, BRAVO, Bench, hear, of, primary, theirs

TIMING = PRESETS["local"]
ACTING = 1.35
WAITING = 1.65
SUCCESSOR = PreparedRecord(Holder(BRAVO, "b1"), 7)
PAST = LeaseRecord(Epoch(0), BRAVO, "b0", 9, 1.5, 0.15)
"""A record of an epoch that is over."""


def but_looks(effects: list[Effect]) -> list[Effect]:
    return [each for each in effects if not isinstance(each, CheckHealth)]


def own_past(bench: Bench) -> LeaseRecord:
    return bench.writes[0].record


def spoil(bench: Bench, record: LeaseRecord | None = None) -> int:
    """Put junk into the key; its revision."""
    bench.key = KeyState(record, bench.key.revision + 3)
    return bench.key.revision


@pytest.mark.parametrize("kind", ["no record", "an own record again", "a record that is over"])
def test_a_holder_whose_lease_is_valid_writes_over_junk_and_goes_on(kind: str) -> None:
    bench = primary()
    bench.run(1)
    record = {"an own record again": own_past(bench), "a record that is over": PAST}.get(kind)
    revision, epoch = spoil(bench, record), bench.monitor.epoch
    bench.writes.clear()
    done = but_looks(bench.run(0.4))
    refused, read, again, grant = done[:4]
    assert isinstance(refused, WriteLease)
    assert isinstance(read, ReadLease)
    assert isinstance(again, WriteLease)
    assert (again.expected, again.record.epoch) == (revision, epoch)
    assert isinstance(grant, Grant)
    assert of(RoleLost, done) + of(RoleAcquired, done) == []
    assert bench.key.record is not None
    assert bench.is_primary()


def test_the_record_over_junk_counts_from_when_it_was_sent() -> None:
    bench = primary()
    spoil(bench)
    done = bench.run(0.4)
    grant = of(Grant, done)[0]
    assert isinstance(grant, Grant)
    assert grant.valid_until <= bench.now + ACTING
    assert grant.valid_until >= bench.now - 0.4 + ACTING


def test_junk_is_replaced_in_the_moment_it_is_read() -> None:
    bench = primary()
    bench.write_answer = WriteFailure.REFUSED
    bench.run(0.3)
    revision = spoil(bench)
    bench.write_answer = None
    while not bench.monitor.tick(bench.at()):
        bench.now += 0.01
    found = bench.monitor.step(LeaseRead(bench.key), bench.at())
    assert [each.expected for each in found if isinstance(each, WriteLease)] == [revision]


def test_a_holder_keeps_its_role_while_junk_is_written_again_and_again() -> None:
    bench = primary()
    for _ in range(200):
        bench.run(0.05)
        spoil(bench)
        assert bench.is_primary()
    assert bench.monitor.epoch == 1


def test_a_holder_whose_lease_ran_out_leaves_junk_to_the_wait_and_a_new_epoch() -> None:
    bench = primary()
    bench.write_answer, bench.reads_fail = WriteFailure.UNKNOWN, True
    bench.run(2)
    assert not bench.is_primary()
    spoil(bench)
    bench.write_answer, bench.reads_fail = None, False
    count = len(bench.writes)
    done = bench.run(0.3)
    assert of(RoleLost, done) == [RoleLost(Epoch(1), "the lease is nobody's")]
    assert len(bench.writes) == count
    assert of(WriteLease, bench.run(WAITING - 0.35)) == []
    assert of(RoleAcquired, bench.run(0.5)) == [
        RoleAcquired(Epoch(2), ALPHA, "alpha did not renew its lease")
    ]


def test_a_write_over_junk_that_gets_no_answer_is_retried_there_also_after_the_end() -> None:
    bench = primary()
    revision = spoil(bench)
    bench.write_answer = WriteFailure.UNKNOWN
    bench.run(3)
    assert not bench.is_primary()
    assert bench.monitor.epoch == 1
    bench.write_answer = None
    done = bench.run(0.4)
    assert bench.writes[-1].expected >= revision
    assert of(RoleAcquired, done) + of(RoleLost, done) == []
    assert bench.is_primary(), "nobody was in between: the junk stood there all the time"


def test_a_renewal_that_landed_under_the_junk_is_never_counted() -> None:
    bench = primary()
    bench.write_answer = WriteFailure.UNKNOWN
    bench.run(0.3)
    hidden = bench.writes[-1]
    revision = spoil(bench)
    bench.write_answer = None
    bench.run(0.3)
    assert bench.writes[-1].expected >= revision
    assert bench.key.record is not None
    assert bench.key.record.n > hidden.record.n
    bench.key = KeyState(hidden.record, hidden.expected + 1)
    assert of(RoleLost, bench.run(0.1)) == [], "an old answer about it changes nothing"


def test_an_old_answer_about_a_renewal_under_the_junk_proves_nothing() -> None:
    bench = primary()
    bench.write_answer = WriteFailure.UNKNOWN
    bench.run(0.3)
    hidden = bench.writes[-1]
    revision = spoil(bench)
    bench.run(0.1)
    junk, bench.key = bench.key, KeyState(hidden.record, hidden.expected + 1)
    assert but_looks(bench.run(0.1)) != []
    bench.key, bench.write_answer = junk, None
    done = bench.run(0.3)
    assert of(RoleLost, done) + of(RoleAcquired, done) == []
    assert revision in {each.expected for each in bench.writes}
    assert bench.is_primary()


def test_an_old_answer_of_junk_that_was_replaced_changes_nothing() -> None:
    bench = primary()
    old = spoil(bench)
    bench.run(0.4)
    now = bench.key
    bench.write_answer = WriteFailure.UNKNOWN
    bench.run(0.25)
    bench.key = KeyState(None, old)
    done = bench.run(0.1)
    bench.key, bench.write_answer = now, None
    assert of(RoleLost, done) == []
    bench.run(0.3)
    assert bench.is_primary()


def test_a_primary_whose_config_is_dead_leaves_junk_where_it_is() -> None:
    bench = primary()
    bench.is_silent = True
    hear(bench, 6.5)
    count = len(bench.writes)
    spoil(bench)
    hear(bench, 2)
    assert len(bench.writes) == count
    assert not bench.is_primary()


def test_who_hands_over_hands_over_upon_junk() -> None:
    bench = primary()
    bench.perform(bench.monitor.pause(bench.at()))
    revision = spoil(bench)
    bench.run(0.4)
    assert bench.monitor.name_successor(SUCCESSOR, bench.at())
    bench.run(0.01)
    assert bench.key.record is not None
    assert (bench.key.record.holder, bench.key.record.epoch) == (BRAVO, 2)
    assert bench.writes[-1].expected > revision


def test_junk_that_may_hide_a_successor_ends_the_role() -> None:
    bench = primary()
    bench.perform(bench.monitor.pause(bench.at()))
    bench.write_answer = WriteFailure.UNKNOWN
    bench.monitor.name_successor(SUCCESSOR, bench.at())
    bench.run(0.01)
    assert bench.writes[-1].record.holder == BRAVO
    spoil(bench)
    bench.write_answer = None
    count = len(bench.writes)
    done = bench.run(0.5)
    assert of(RoleLost, done) == [RoleLost(Epoch(1), "the lease is nobody's")]
    assert len(bench.writes) == count, "bravo may act: the record may have been there"


def test_after_a_renewal_no_junk_hides_the_successor_that_was_given_up() -> None:
    bench = primary()
    bench.perform(bench.monitor.pause(bench.at()))
    bench.write_answer = WriteFailure.REFUSED
    bench.monitor.name_successor(SUCCESSOR, bench.at())
    bench.run(0.01)
    bench.write_answer = None
    bench.monitor.resume(bench.at())
    bench.run(0.4)
    spoil(bench)
    assert of(RoleLost, bench.run(1)) == []
    assert bench.is_primary()


def test_a_smaller_epoch_of_another_is_junk_and_a_larger_one_ends_the_role() -> None:
    bench = Bench()
    bench.key = theirs(epoch=3)
    bench.run(2)
    assert bench.monitor.epoch == 4
    bench.key = theirs(epoch=3, revision=bench.key.revision + 2)
    assert of(RoleLost, bench.run(0.5)) == []
    assert bench.is_primary()
    bench.key = theirs(epoch=5, revision=bench.key.revision + 2)
    assert of(RoleLost, bench.run(0.5)) == [RoleLost(Epoch(4), "the lease is bravo's")]


def test_another_record_of_the_same_epoch_ends_the_role() -> None:
    bench = primary()
    bench.key = theirs(epoch=1, revision=99)
    assert of(RoleLost, bench.run(0.5)) == [RoleLost(Epoch(1), "the lease is bravo's")]


def test_an_observer_that_finds_junk_waits_anew_and_takes_upon_it_from_whom_it_knew() -> None:
    bench = Bench()
    bench.key = theirs(epoch=3, revision=20)
    bench.run(1)
    bench.key = KeyState(None, 25)
    assert of(WriteLease, bench.run(WAITING - 0.01)) == []
    assert of(RoleAcquired, bench.run(0.3)) == [
        RoleAcquired(Epoch(4), BRAVO, "bravo did not renew its lease")
    ]
    assert bench.writes[0].expected == 25


def test_junk_takes_nothing_from_what_the_operator_forbids() -> None:
    bench = Bench()
    bench.key, bench.checks = theirs(), HealthReport(vetoes=("automatic failover is off",))
    bench.run(1)
    bench.key = KeyState(None, 25)
    assert of(WriteLease, bench.run(5)) == []
    assert bench.monitor.status(bench.at()).reasons == ("automatic failover is off",)


def test_junk_is_followed_by_the_largest_epoch_that_is_known_from_anywhere() -> None:
    bench = Bench()
    bench.key, bench.checks = theirs(epoch=6), HealthReport(epoch=Epoch(4))
    bench.run(1)
    bench.key = KeyState(None, 25)
    (acquired,) = of(RoleAcquired, bench.run(2))
    assert isinstance(acquired, RoleAcquired)
    assert acquired.epoch == 7


def test_a_take_that_junk_replaced_lands_no_more_and_bars_no_promise() -> None:
    asked = LeaseRecord(Epoch(3), ALPHA, "a1", 1, 1.5, 0.15)
    bench = Bench()
    bench.monitor, bench.key = Monitor(Holder(BRAVO, "b1"), TIMING), KeyState(asked, 20)
    bench.write_answer = WriteFailure.UNKNOWN
    bench.run(1.8)
    assert "may still land" in _refusal(bench, asked)
    bench.key = KeyState(None, 21)
    bench.run(0.2)
    assert _refusal(bench, asked) == ""


def _refusal(bench: Bench, record: LeaseRecord) -> str:
    terms = PromiseTerms(
        holder=record.holder,
        instance=record.instance,
        number=1,
        epoch=record.epoch,
        ttl=record.ttl,
        margin=record.margin,
    )
    return bench.monitor.vote(terms, Instant(bench.now), can_write=False).refusal
