"""Holder and observer joined: what is done about each fact, effect by effect."""

import pytest

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
from services.failover_monitor.core.record import LeaseRecord, Seen
from services.failover_monitor.core.takeover import Checks
from services.failover_monitor.core.timing import PRESETS
from shared.domain.ids import Epoch, Instant, NodeId

TIMING = PRESETS["local"]
ALPHA, BRAVO = NodeId("alpha"), NodeId("bravo")
FIT = Checks()
ACTING = 1.35
EMPTY = Seen(None, 1)


def theirs(epoch: int = 3, revision: int = 20) -> Seen:
    return Seen(LeaseRecord(Epoch(epoch), BRAVO, "b1", 1, 1.5, 0.15), revision)


class Bench:
    """Alpha's monitor, whose calls are answered as the test says."""

    def __init__(self, begin: float = 10.0) -> None:
        self.now = begin
        self.monitor = Monitor(Holder(ALPHA, "a1"), TIMING)
        self.key = EMPTY
        self.checks = FIT
        self.writes: list[WriteLease] = []
        self.done: list[Effect] = []
        self.write_answer: Refusal | None = None
        self.reads_fail = False
        self.read_count = 0

    def at(self) -> Instant:
        return Instant(self.now)

    def perform(self, effects: tuple[Effect, ...]) -> None:
        for effect in effects:
            self.done.append(effect)
            match effect:
                case ReadLease():
                    self.read_count += 1
                    self.answer_read(None if self.reads_fail else self.key)
                case WriteLease():
                    self.writes.append(effect)
                    self.answer_write(effect)
                case Check():
                    self.perform(self.monitor.checked(self.checks, self.at()))
                case _:
                    pass

    def answer_read(self, seen: Seen | None) -> None:
        self.perform(self.monitor.lease_read(seen, self.at()))

    def answer_write(self, effect: WriteLease) -> None:
        outcome: int | Refusal
        if self.write_answer is not None:
            outcome = self.write_answer
        elif effect.expected != self.key.revision:
            outcome = Refusal.REFUSED
        else:
            outcome = effect.expected + 1
            self.key = Seen(effect.record, outcome)
        self.perform(self.monitor.lease_written(outcome, self.at()))

    def run(self, seconds: float) -> list[Effect]:
        """Let time pass; what was done meanwhile."""
        self.done, end = [], self.now + seconds
        while True:
            deadline = self.monitor.deadline()
            assert deadline is not None, "every call was answered"
            if max(deadline, self.now) > end:
                break
            self.now = max(deadline, self.now)
            self.perform(self.monitor.tick(self.at()))
        self.now = end
        return self.done

    def is_primary(self) -> bool:
        return self.monitor.is_primary(self.at())


def primary() -> Bench:
    bench = Bench()
    bench.run(2)
    assert bench.is_primary()
    bench.done = []
    return bench


def of(kind: type[Effect], effects: list[Effect]) -> list[Effect]:
    return [effect for effect in effects if isinstance(effect, kind)]


def test_a_new_process_looks_at_itself_and_reads_before_anything_else() -> None:
    monitor = Monitor(Holder(ALPHA, "a1"), TIMING)
    assert monitor.tick(Instant(10)) == (Check(), ReadLease())
    assert monitor.tick(Instant(10.1)) == ()
    assert monitor.deadline() is None


def test_a_key_that_names_nobody_is_taken_after_the_wait_and_the_master_grants_and_says_so() -> (
    None
):
    bench = Bench()
    assert of(WriteLease, bench.run(1.64)) == []
    done = bench.run(0.2)
    took, grant = done[-2:]
    sent_at = grant.valid_until - ACTING if isinstance(grant, Grant) else 0
    assert took == Took(Epoch(1), None, "the site starts")
    assert 10 + 1.65 <= sent_at <= 10 + 1.65 + TIMING.read_seconds + 1e-6
    assert bench.writes[0].expected == 1
    assert bench.is_primary()


def test_a_silent_holder_is_followed_with_the_next_epoch() -> None:
    bench = Bench()
    bench.key = theirs(epoch=3)
    done = bench.run(2)
    assert of(Took, done) == [Took(Epoch(4), BRAVO, "bravo did not renew its lease")]
    assert bench.writes[0].expected == 20


def test_the_new_epoch_is_larger_than_every_one_in_the_database_and_the_log() -> None:
    bench = Bench()
    bench.key, bench.checks = theirs(epoch=3), Checks(epoch=Epoch(8))
    assert isinstance(took := of(Took, bench.run(2))[0], Took)
    assert took.epoch == 9


def test_the_look_before_a_take_begins_after_the_holder_has_stopped() -> None:
    bench = Bench()
    bench.key = theirs()
    bench.run(1.49)
    assert bench.monitor.checks == FIT
    bench.checks = Checks(unfit=("the database fell ill",))
    assert of(WriteLease, bench.run(3)) == []
    assert bench.monitor.reasons(bench.at()) == ("the database fell ill",)
    bench.checks = FIT
    assert of(Took, bench.run(0.7)) != []


def test_a_look_that_ended_in_time_lets_the_lease_be_taken_the_moment_it_is_due() -> None:
    bench = Bench()
    bench.key = theirs(revision=19)
    bench.run(0.2)
    bench.key = theirs(revision=20)
    assert of(Check, bench.run(1.5)) == [Check()] * 3
    looked = bench.run(0.1)
    assert of(Check, looked) == [Check()]
    assert of(WriteLease, looked) == []
    assert of(Took, bench.run(0.11)) != []


def test_a_look_that_began_while_the_holder_acted_is_followed_by_another() -> None:
    monitor = Monitor(Holder(ALPHA, "a1"), TIMING)
    monitor.tick(Instant(10))
    monitor.lease_read(theirs(), Instant(10))
    monitor.checked(FIT, Instant(10))
    assert monitor.tick(Instant(11.45)) == (Check(), ReadLease())
    monitor.lease_read(theirs(21), Instant(11.45))
    for now in (11.9, 12.3, 12.7, 13.1):
        assert monitor.tick(Instant(now)) == (ReadLease(),)
        assert monitor.lease_read(theirs(21), Instant(now)) == ()
    assert monitor.checked(FIT, Instant(13.2)) == (Check(),)
    assert len(of(WriteLease, list(monitor.checked(FIT, Instant(13.3))))) == 1


def test_a_look_that_is_late_is_waited_for() -> None:
    monitor = Monitor(Holder(ALPHA, "a1"), TIMING)
    monitor.tick(Instant(10))
    monitor.lease_read(theirs(), Instant(10))
    monitor.checked(FIT, Instant(10))
    looks, now = 0, Instant(10)
    while now < 11.64:
        now = monitor.deadline() or Instant(12)
        done = monitor.tick(now)
        looks += len(of(Check, list(done)))
        if ReadLease() in done:
            assert of(WriteLease, list(monitor.lease_read(theirs(), now))) == []
        if Check() in done and now < 11.5:
            monitor.checked(FIT, now)
    assert now == pytest.approx(11.65)
    assert len(of(WriteLease, list(monitor.checked(FIT, Instant(11.7))))) == 1


def test_an_observer_looks_at_the_moment_when_the_lease_is_due_and_then_at_its_leisure() -> None:
    bench = Bench()
    bench.key, bench.checks = theirs(), Checks(unfit=("the database is ill",))
    bench.run(1.64)
    bench.read_count = 0
    bench.run(0.011)
    assert bench.read_count == 1
    bench.run(1)
    assert bench.read_count <= 1 + 1 / TIMING.read_seconds


def test_nothing_is_taken_while_an_answer_is_still_awaited() -> None:
    monitor = Monitor(Holder(ALPHA, "a1"), TIMING)
    monitor.tick(Instant(10))
    monitor.lease_read(theirs(), Instant(10))
    assert monitor.checked(FIT, Instant(10)) == ()
    assert monitor.tick(Instant(12)) == (Check(), ReadLease())
    assert monitor.checked(FIT, Instant(12)) == ()


def test_a_renewing_holder_keeps_the_other_waiting() -> None:
    bench = Bench()
    for revision in range(20, 40):
        bench.key = theirs(revision=revision)
        assert of(WriteLease, bench.run(0.25)) == []


def test_each_renewal_is_granted_until_ttl_less_margin_after_it_was_sent() -> None:
    bench = primary()
    done = bench.run(1)
    assert len(of(WriteLease, done)) == 4
    grants = of(Grant, done)
    assert len(grants) == 4
    assert isinstance(grants[-1], Grant)
    assert bench.now - 0.26 + ACTING <= grants[-1].valid_until <= bench.now + ACTING


def test_an_unknown_outcome_is_followed_by_a_read_and_counts_from_when_it_was_sent() -> None:
    bench = primary()
    bench.write_answer, count = Refusal.UNKNOWN, len(bench.writes)
    while len(bench.writes) == count:
        bench.run(0.01)
    landed, sent_at = bench.writes[-1], bench.now
    bench.key = Seen(landed.record, bench.key.revision + 5)
    bench.write_answer = None
    done = [effect for effect in bench.run(0.3) if not isinstance(effect, Check)]
    read, grant, renewal = done[:3]
    assert isinstance(read, ReadLease)
    assert isinstance(grant, Grant)
    assert sent_at - 0.01 + ACTING <= grant.valid_until <= sent_at + ACTING
    assert isinstance(renewal, WriteLease)
    assert renewal.expected == landed.expected + 5


def test_nothing_is_written_until_a_read_tells_what_became_of_the_last_write() -> None:
    bench = primary()
    bench.write_answer, bench.reads_fail = Refusal.UNKNOWN, True
    bench.run(0.3)
    count, reads = len(bench.writes), bench.read_count
    bench.run(3)
    assert len(bench.writes) == count
    assert 40 <= bench.read_count - reads <= 3 / TIMING.read_seconds + 1
    assert not bench.is_primary()


def test_a_holder_whose_lease_ran_out_goes_on_with_its_epoch_if_nobody_was_in_between() -> None:
    bench = primary()
    bench.write_answer = Refusal.UNKNOWN
    bench.reads_fail = True
    bench.run(9)
    assert not bench.is_primary()
    assert bench.monitor.reasons(bench.at()) == ("its lease ran out and is not renewed yet",)
    assert not bench.monitor.could_take_over(bench.at())
    bench.write_answer, bench.reads_fail = None, False
    done = bench.run(0.5)
    assert bench.is_primary()
    assert bench.monitor.epoch == 1
    assert of(Took, done) == []
    assert of(Lost, done) == []


def test_a_take_of_unknown_outcome_is_tried_again_no_faster_than_the_key_is_read() -> None:
    bench = Bench()
    bench.key, bench.write_answer = theirs(), Refusal.UNKNOWN
    tries = of(WriteLease, bench.run(1.65 + 1))
    assert 5 <= len(tries) <= 1 / TIMING.read_seconds + 1
    assert {(write.expected, write.record.epoch) for write in bench.writes} == {(20, 4)}


def test_another_record_ends_the_role_at_once() -> None:
    bench = primary()
    bench.key = theirs(epoch=2, revision=99)
    done = bench.run(0.4)
    assert of(Lost, done) == [Lost(Epoch(1), "the lease is bravo's")]
    assert isinstance(withdrawn := of(Grant, done)[-1], Grant)
    assert (withdrawn.epoch, withdrawn.valid_until <= bench.at()) == (2, True)
    assert not bench.is_primary()
    assert bench.monitor.holder == BRAVO
    assert bench.monitor.epoch == 2


def test_a_bucket_that_was_made_anew_ends_the_role_at_once_and_its_key_is_taken() -> None:
    bench = primary()
    bench.key = Seen(None, 1 + 2**40)
    done = bench.run(0.4)
    assert of(Lost, done) == [Lost(Epoch(1), "the lease is nobody's")]
    after = done[done.index(of(Lost, done)[0]) :]
    assert of(Grant, after) == [], "its grants run out before anybody may take"
    (took,) = of(Took, bench.run(2))
    assert took == Took(Epoch(2), None, "the lease named nobody")


def test_a_larger_epoch_in_the_log_ends_the_role_whatever_the_lease_says() -> None:
    bench = primary()
    bench.checks = Checks(epoch=Epoch(5))
    done = bench.run(0.6)
    assert of(Lost, done) == [Lost(Epoch(1), "a larger epoch was seen")]
    assert not bench.is_primary()
    assert of(Took, bench.run(1.2)) == []
    assert of(Took, bench.run(1.0)) == [Took(Epoch(6), ALPHA, "alpha did not renew its lease")]


def test_an_own_take_that_lands_after_a_larger_epoch_was_seen_counts_for_nothing() -> None:
    bench = Bench()
    bench.key, bench.write_answer = theirs(), Refusal.UNKNOWN
    bench.run(1.8)
    late = bench.writes[-1].record
    bench.checks = Checks(epoch=Epoch(9))
    bench.write_answer = Refusal.REFUSED
    bench.run(0.6)
    bench.key = Seen(late, 21)
    done = bench.run(0.2)
    assert of(Took, done) + of(Grant, done) == []
    assert not bench.is_primary()


def test_an_own_take_whose_answer_was_lost_is_found_by_reading() -> None:
    bench = Bench()
    bench.key, bench.write_answer = theirs(), Refusal.UNKNOWN
    bench.run(1.8)
    assert not bench.is_primary()
    bench.key, bench.write_answer = Seen(bench.writes[-1].record, 21), None
    assert of(Took, bench.run(0.3)) == [Took(Epoch(4), BRAVO, "bravo did not renew its lease")]


def test_a_primary_whose_config_is_silent_stops_renewing_once_another_could() -> None:
    bench = primary()
    bench.run(6)
    assert bench.is_primary()
    bench.monitor.peer_heard(BRAVO, bench.at(), could_take_over=True)
    assert bench.monitor.reasons(bench.at()) == ("its config service commits nothing",)
    writes = len(bench.writes)
    done = bench.run(1.5)
    assert len(bench.writes) == writes
    assert not bench.is_primary()
    assert of(ReadLease, done) != []


def test_a_primary_whose_config_commits_renews_whatever_another_could() -> None:
    bench = primary()
    for _ in range(30):
        bench.monitor.peer_heard(BRAVO, bench.at(), could_take_over=True)
        bench.checks = Checks(pulse=bench.at())
        bench.run(0.3)
        assert bench.is_primary()
    assert bench.monitor.reasons(bench.at()) == ()


def test_config_gets_its_time_again_when_a_term_goes_on_after_a_pause() -> None:
    bench = primary()
    bench.write_answer, bench.reads_fail = Refusal.UNKNOWN, True
    bench.run(9)
    bench.write_answer, bench.reads_fail = None, False
    for _ in range(6):
        bench.monitor.peer_heard(BRAVO, bench.at(), could_take_over=True)
        bench.run(0.5)
    assert bench.is_primary()


def test_a_backup_says_what_it_could_do_and_why_not() -> None:
    bench = Bench()
    assert bench.monitor.reasons(bench.at())[0] == "the lease cannot be read"
    bench.key = theirs()
    bench.run(0.2)
    assert bench.monitor.could_take_over(bench.at())
    assert bench.monitor.epoch == 3
    bench.checks = Checks(forbidden=("automatic failover is off",))
    bench.run(0.6)
    assert bench.monitor.reasons(bench.at()) == ("automatic failover is off",)
    assert not bench.monitor.could_take_over(bench.at())


def test_a_primary_has_nothing_to_take_over() -> None:
    bench = primary()
    assert bench.monitor.reasons(bench.at()) == ()
    assert not bench.monitor.could_take_over(bench.at())


def test_an_answer_that_was_not_asked_for_is_a_fault_of_ours() -> None:
    monitor = Monitor(Holder(ALPHA, "a1"), TIMING)
    with pytest.raises(AssertionError):
        monitor.lease_read(EMPTY, Instant(1))
    with pytest.raises(AssertionError):
        monitor.lease_written(1, Instant(1))


def test_the_monitor_describes_itself_in_one_line() -> None:
    bench = Bench()
    assert bench.monitor.describe().startswith("lease not held, epoch 0")
    assert "; key never read; config committed" in bench.monitor.describe()
    assert primary().monitor.describe().startswith("lease held until ")
    assert primary().monitor.describe().endswith("largest epoch 1")


def test_a_larger_epoch_ends_the_role_in_the_moment_it_is_seen() -> None:
    bench = primary()
    bench.now += 0.6
    assert Check() in bench.monitor.tick(bench.at())
    found = bench.monitor.checked(Checks(epoch=Epoch(5)), bench.at())
    assert found == (Lost(Epoch(1), "a larger epoch was seen"), Grant(Epoch(5), bench.at()))
    assert not bench.is_primary()


@pytest.mark.parametrize("found", [theirs(epoch=2, revision=99), Seen(None, 1 + 2**40)])
def test_a_stale_read_of_an_own_record_brings_no_ended_role_back(found: Seen) -> None:
    bench = primary()
    own, bench.key = bench.key, found
    bench.run(0.4)
    assert not bench.is_primary()
    bench.key = own
    done = bench.run(0.3)
    assert of(ReadLease, done) != []
    assert of(Took, done) + of(Grant, done) == []
    assert not bench.is_primary()


def test_a_renewal_that_is_found_after_its_role_ended_brings_nothing_back() -> None:
    bench = primary()
    bench.write_answer, stale, own = Refusal.UNKNOWN, theirs(epoch=1, revision=0), bench.key
    bench.key = stale
    done = bench.run(0.4)
    assert of(Lost, done) == [Lost(Epoch(1), "the lease is bravo's")]
    bench.key = Seen(bench.writes[-1].record, own.revision + 1)
    done = bench.run(0.5)
    assert of(Took, done) + of(Grant, done) == []
    assert not bench.is_primary()
    bench.write_answer = None
    assert of(Took, bench.run(2)) == [Took(Epoch(2), ALPHA, "alpha did not renew its lease")]


def test_a_key_that_somebody_spoiled_is_taken_again_on_its_revision() -> None:
    bench = Bench()
    bench.key = Seen(None, 33)
    assert of(Took, bench.run(2)) == [Took(Epoch(1), None, "the site starts")]
    assert bench.writes[0].expected == 33
