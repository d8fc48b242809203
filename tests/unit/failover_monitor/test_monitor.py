"""Holder and observer joined: what is done about each fact, effect by effect."""

from dataclasses import replace

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
from services.failover_monitor.core.facts import (
    HealthChecked,
    LeaseRead,
    LeaseWritten,
    PeerHeartbeat,
    WriteFailure,
)
from services.failover_monitor.core.health import HealthReport
from services.failover_monitor.core.monitor import Monitor
from services.failover_monitor.core.record import Holder, KeyState, LeaseRecord
from services.failover_monitor.core.timing import PRESETS
from shared.domain.ids import Epoch, Instant, NodeId
from tests.fakes.proofs import working

TIMING = PRESETS["local"]
ALPHA, BRAVO = NodeId("alpha"), NodeId("bravo")
FIT = HealthReport()
ACTING = 1.35
EMPTY = KeyState(None, 1)


def fit(now: float) -> HealthChecked:
    """A check that finds everything well at *now*."""
    return HealthChecked(HealthReport(proofs=working(Instant(now))))


def theirs(epoch: int = 3, revision: int = 20) -> KeyState:
    return KeyState(LeaseRecord(Epoch(epoch), BRAVO, "b1", 1, 1.5, 0.15), revision)


class Bench:
    """Alpha's monitor, whose calls are answered as the test says."""

    def __init__(self, begin: float = 10.0) -> None:
        self.now = begin
        self.monitor = Monitor(Holder(ALPHA, "a1"), TIMING)
        self.key = EMPTY
        self.checks = FIT
        self.writes: list[WriteLease] = []
        self.done: list[Effect] = []
        self.write_answer: WriteFailure | None = None
        self.reads_fail = False
        self.is_silent = False
        """No service of this master answers any more."""

        self.silent_services: set[str] = set()
        """Those that do not answer any more."""

        self.accepts = True
        """Config accepts changes in this master's epoch."""

        self.read_count = 0

    def at(self) -> Instant:
        return Instant(self.now)

    def found(self) -> HealthReport:
        """The checks, with what the services show at this moment."""
        epoch = self.monitor.epoch if self.accepts else Epoch(0)
        proofs = () if self.is_silent else working(self.at(), epoch)
        heard = tuple(each for each in proofs if each.service not in self.silent_services)
        return replace(self.checks, proofs=heard)

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
                case CheckHealth():
                    self.perform(self.monitor.step(HealthChecked(self.found()), self.at()))
                case _:
                    pass

    def answer_read(self, seen: KeyState | None) -> None:
        self.perform(self.monitor.step(LeaseRead(seen), self.at()))

    def answer_write(self, effect: WriteLease) -> None:
        outcome: int | WriteFailure
        if self.write_answer is not None:
            outcome = self.write_answer
        elif effect.expected != self.key.revision:
            outcome = WriteFailure.REFUSED
        else:
            outcome = effect.expected + 1
            self.key = KeyState(effect.record, outcome)
        self.perform(self.monitor.step(LeaseWritten(outcome), self.at()))

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
    assert monitor.tick(Instant(10)) == (CheckHealth(), ReadLease())
    assert monitor.tick(Instant(10.1)) == ()
    assert monitor.deadline() is None


def test_a_key_that_names_nobody_is_taken_after_the_wait_and_the_master_grants_and_says_so() -> (
    None
):
    bench = Bench()
    assert of(WriteLease, bench.run(1.64)) == []
    done = bench.run(0.2)
    acquired, grant = done[-2:]
    sent_at = grant.valid_until - ACTING if isinstance(grant, Grant) else 0
    assert acquired == RoleAcquired(Epoch(1), None, "the site starts")
    assert 10 + 1.65 <= sent_at <= 10 + 1.65 + TIMING.read_seconds + 1e-6
    assert bench.writes[0].expected == 1
    assert bench.is_primary()


def test_a_silent_holder_is_followed_with_the_next_epoch() -> None:
    bench = Bench()
    bench.key = theirs(epoch=3)
    done = bench.run(2)
    assert of(RoleAcquired, done) == [
        RoleAcquired(Epoch(4), BRAVO, "bravo did not renew its lease")
    ]
    assert bench.writes[0].expected == 20


def test_the_new_epoch_is_larger_than_every_one_in_the_database_and_the_log() -> None:
    bench = Bench()
    bench.key, bench.checks = theirs(epoch=3), HealthReport(epoch=Epoch(8))
    assert isinstance(acquired := of(RoleAcquired, bench.run(2))[0], RoleAcquired)
    assert acquired.epoch == 9


def test_the_look_before_a_take_begins_after_the_holder_has_stopped() -> None:
    bench = Bench()
    bench.key = theirs()
    bench.run(1.49)
    assert bench.monitor.status(bench.at()).health.failed_checks == ()
    bench.checks = HealthReport(failed_checks=("the database fell ill",))
    assert of(WriteLease, bench.run(3)) == []
    assert bench.monitor.status(bench.at()).reasons == ("the database fell ill",)
    bench.checks = FIT
    assert of(RoleAcquired, bench.run(0.7)) != []


def test_a_look_that_ended_in_time_lets_the_lease_be_taken_the_moment_it_is_due() -> None:
    bench = Bench()
    bench.key = theirs(revision=19)
    bench.run(0.2)
    bench.key = theirs(revision=20)
    assert of(CheckHealth, bench.run(1.5)) == [CheckHealth()] * 3
    looked = bench.run(0.1)
    assert of(CheckHealth, looked) == [CheckHealth()]
    assert of(WriteLease, looked) == []
    assert of(RoleAcquired, bench.run(0.11)) != []


def test_a_look_that_began_while_the_holder_acted_is_followed_by_another() -> None:
    monitor = Monitor(Holder(ALPHA, "a1"), TIMING)
    monitor.tick(Instant(10))
    monitor.step(LeaseRead(theirs()), Instant(10))
    monitor.step(fit(10), Instant(10))
    assert monitor.tick(Instant(11.45)) == (CheckHealth(), ReadLease())
    monitor.step(LeaseRead(theirs(21)), Instant(11.45))
    for now in (11.9, 12.3, 12.7, 13.1):
        assert monitor.tick(Instant(now)) == (ReadLease(),)
        assert monitor.step(LeaseRead(theirs(21)), Instant(now)) == ()
    assert monitor.step(fit(13.2), Instant(13.2)) == (CheckHealth(),)
    assert len(of(WriteLease, list(monitor.step(fit(13.3), Instant(13.3))))) == 1


def test_a_look_that_is_late_is_waited_for() -> None:
    monitor = Monitor(Holder(ALPHA, "a1"), TIMING)
    monitor.tick(Instant(10))
    monitor.step(LeaseRead(theirs()), Instant(10))
    monitor.step(fit(10), Instant(10))
    looks, now = 0, Instant(10)
    while now < 11.64:
        now = monitor.deadline() or Instant(12)
        done = monitor.tick(now)
        looks += len(of(CheckHealth, list(done)))
        if ReadLease() in done:
            assert of(WriteLease, list(monitor.step(LeaseRead(theirs()), now))) == []
        if CheckHealth() in done and now < 11.5:
            monitor.step(fit(now), now)
    assert now == pytest.approx(11.65)
    assert len(of(WriteLease, list(monitor.step(fit(11.7), Instant(11.7))))) == 1


def test_an_observer_looks_at_the_moment_when_the_lease_is_due_and_then_at_its_leisure() -> None:
    bench = Bench()
    bench.key, bench.checks = theirs(), HealthReport(failed_checks=("the database is ill",))
    bench.run(1.64)
    bench.read_count = 0
    bench.run(0.011)
    assert bench.read_count == 1
    bench.run(1)
    assert bench.read_count <= 1 + 1 / TIMING.read_seconds


def test_nothing_is_taken_while_an_answer_is_still_awaited() -> None:
    monitor = Monitor(Holder(ALPHA, "a1"), TIMING)
    monitor.tick(Instant(10))
    monitor.step(LeaseRead(theirs()), Instant(10))
    assert monitor.step(fit(10), Instant(10)) == ()
    assert monitor.tick(Instant(12)) == (CheckHealth(), ReadLease())
    assert monitor.step(fit(12), Instant(12)) == ()


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
    bench.write_answer, count = WriteFailure.UNKNOWN, len(bench.writes)
    while len(bench.writes) == count:
        bench.run(0.01)
    landed, sent_at = bench.writes[-1], bench.now
    bench.key = KeyState(landed.record, bench.key.revision + 5)
    bench.write_answer = None
    done = [effect for effect in bench.run(0.3) if not isinstance(effect, CheckHealth)]
    read, grant, renewal = done[:3]
    assert isinstance(read, ReadLease)
    assert isinstance(grant, Grant)
    assert sent_at - 0.01 + ACTING <= grant.valid_until <= sent_at + ACTING
    assert isinstance(renewal, WriteLease)
    assert renewal.expected == landed.expected + 5


def test_nothing_is_written_until_a_read_shows_what_became_of_the_last_write() -> None:
    bench = primary()
    bench.write_answer, bench.reads_fail = WriteFailure.UNKNOWN, True
    bench.run(0.3)
    count, reads = len(bench.writes), bench.read_count
    bench.run(3)
    assert len(bench.writes) == count
    assert 40 <= bench.read_count - reads <= 3 / TIMING.read_seconds + 1
    assert not bench.is_primary()


def test_a_holder_whose_lease_ran_out_goes_on_with_its_epoch_if_nobody_was_in_between() -> None:
    bench = primary()
    bench.write_answer = WriteFailure.UNKNOWN
    bench.reads_fail = True
    bench.run(9)
    assert not bench.is_primary()
    assert bench.monitor.status(bench.at()).reasons == ("its lease ran out and is not renewed yet",)
    assert not bench.monitor.status(bench.at()).could_take_over
    bench.write_answer, bench.reads_fail = None, False
    done = bench.run(0.5)
    assert bench.is_primary()
    assert bench.monitor.epoch == 1
    assert of(RoleAcquired, done) == []
    assert of(RoleLost, done) == []


def test_a_take_of_unknown_outcome_is_retried_no_faster_than_the_key_is_read() -> None:
    bench = Bench()
    bench.key, bench.write_answer = theirs(), WriteFailure.UNKNOWN
    tries = of(WriteLease, bench.run(1.65 + 1))
    assert 5 <= len(tries) <= 1 / TIMING.read_seconds + 1
    assert {(write.expected, write.record.epoch) for write in bench.writes} == {(20, 4)}


def test_another_record_ends_the_role_at_once() -> None:
    bench = primary()
    bench.key = theirs(epoch=2, revision=99)
    done = bench.run(0.4)
    assert of(RoleLost, done) == [RoleLost(Epoch(1), "the lease is bravo's")]
    assert isinstance(withdrawn := of(Grant, done)[-1], Grant)
    assert (withdrawn.epoch, withdrawn.valid_until <= bench.at()) == (2, True)
    assert not bench.is_primary()
    assert bench.monitor.status(bench.at()).holder == BRAVO
    assert bench.monitor.epoch == 2


def test_a_bucket_that_was_made_anew_ends_the_role_at_once_and_its_key_is_taken() -> None:
    bench = primary()
    bench.key = KeyState(None, 1 + 2**40)
    done = bench.run(0.4)
    assert of(RoleLost, done) == [RoleLost(Epoch(1), "the lease is nobody's")]
    after = done[done.index(of(RoleLost, done)[0]) :]
    assert of(Grant, after) == [], "its grants run out before anybody may take"
    (acquired,) = of(RoleAcquired, bench.run(2))
    assert acquired == RoleAcquired(Epoch(2), None, "the lease named nobody")


def test_a_larger_epoch_in_the_log_ends_the_role_whatever_the_lease_says() -> None:
    bench = primary()
    bench.checks = HealthReport(epoch=Epoch(5))
    done = bench.run(0.6)
    assert of(RoleLost, done) == [RoleLost(Epoch(1), "a larger epoch was seen")]
    assert not bench.is_primary()
    assert of(RoleAcquired, bench.run(1.2)) == []
    assert of(RoleAcquired, bench.run(1.0)) == [
        RoleAcquired(Epoch(6), ALPHA, "alpha did not renew its lease")
    ]


def test_an_own_take_that_lands_after_a_larger_epoch_was_seen_counts_for_nothing() -> None:
    bench = Bench()
    bench.key, bench.write_answer = theirs(), WriteFailure.UNKNOWN
    bench.run(1.8)
    late = bench.writes[-1].record
    bench.checks = HealthReport(epoch=Epoch(9))
    bench.write_answer = WriteFailure.REFUSED
    bench.run(0.6)
    bench.key = KeyState(late, 21)
    done = bench.run(0.2)
    assert of(RoleAcquired, done) + of(Grant, done) == []
    assert not bench.is_primary()


def test_an_own_take_whose_answer_was_lost_is_found_by_reading() -> None:
    bench = Bench()
    bench.key, bench.write_answer = theirs(), WriteFailure.UNKNOWN
    bench.run(1.8)
    assert not bench.is_primary()
    bench.key, bench.write_answer = KeyState(bench.writes[-1].record, 21), None
    assert of(RoleAcquired, bench.run(0.3)) == [
        RoleAcquired(Epoch(4), BRAVO, "bravo did not renew its lease")
    ]


def hear(bench: Bench, seconds: float, *, could: bool = True) -> list[Effect]:
    """Bravo says for *seconds* whether it could take over, twice a second."""
    done: list[Effect] = []
    for _ in range(round(seconds / 0.5)):
        bench.monitor.step(PeerHeartbeat(BRAVO, could_take_over=could), bench.at())
        done += bench.run(0.5)
    return done


def test_a_primary_whose_services_are_silent_names_who_is_ready_and_at_last_does_not_renew() -> (
    None
):
    bench = primary()
    hear(bench, 3)
    bench.is_silent = True
    hear(bench, 2.5)
    assert bench.monitor.status(bench.at()).successor is None
    hear(bench, 1)
    status = bench.monitor.status(bench.at())
    assert (status.faults, status.successor) == (("its config does not answer",), BRAVO)
    assert bench.is_primary(), "it goes on until it handed over"
    writes = len(bench.writes)
    done = hear(bench, 4.5)
    assert len(bench.writes) - writes < 4 * 4.5
    assert not bench.is_primary()
    assert of(ReadLease, done) != []


def test_a_primary_that_accepts_nothing_names_who_is_ready_and_is_reluctant_afterwards() -> None:
    bench = primary()
    hear(bench, 3)
    bench.accepts = False
    hear(bench, 3.5)
    status = bench.monitor.status(bench.at())
    assert (status.faults, status.successor) == (("its config accepts no changes",), BRAVO)
    bench.key = theirs(epoch=2, revision=bench.key.revision + 1)
    hear(bench, 1)
    assert bench.monitor.status(bench.at()).is_reluctant
    done = bench.run(5)
    assert of(RoleAcquired, done) != [], "it takes a role that nobody has"


@pytest.mark.parametrize(
    ("silent", "successor"), [("gateway", None), ("replication", None), ("config", BRAVO)]
)
def test_a_reluctant_master_gets_the_role_only_of_one_that_commits_nothing(
    silent: str, successor: NodeId | None
) -> None:
    bench = primary()
    for step in range(30):
        bench.silent_services = {silent} if step > 6 else set()
        heartbeat = PeerHeartbeat(BRAVO, could_take_over=True, is_reluctant=True)
        bench.monitor.step(heartbeat, bench.at())
        if bench.monitor.status(bench.at()).faults:
            break
        bench.run(0.5)
    assert bench.monitor.status(bench.at()).successor == successor


def test_a_sick_primary_keeps_its_role_while_nobody_is_ready_and_says_why() -> None:
    bench = primary()
    bench.is_silent = True
    hear(bench, 8, could=False)
    assert bench.is_primary()
    status = bench.monitor.status(bench.at())
    assert status.successor is None
    assert status.reasons == (
        "its config does not answer",
        "no other master is ready to take the role",
    )


def test_a_primary_whose_config_commits_renews_whatever_another_could() -> None:
    bench = primary()
    for _ in range(18):
        hear(bench, 0.5)
        assert bench.is_primary()
    assert bench.monitor.status(bench.at()).reasons == ()


def test_config_gets_its_time_again_when_a_term_goes_on_after_a_pause() -> None:
    bench = primary()
    bench.write_answer, bench.reads_fail, bench.is_silent = WriteFailure.UNKNOWN, True, True
    bench.run(9)
    bench.write_answer, bench.reads_fail = None, False
    hear(bench, 2.5)
    assert bench.is_primary()
    assert bench.monitor.status(bench.at()).successor is None


def test_a_backup_says_what_it_could_do_and_why_not() -> None:
    bench = Bench()
    assert bench.monitor.status(bench.at()).reasons[0] == "the lease cannot be read"
    bench.key = theirs()
    bench.run(0.2)
    assert bench.monitor.status(bench.at()).could_take_over
    assert bench.monitor.epoch == 3
    bench.checks = HealthReport(vetoes=("automatic failover is off",))
    bench.run(0.6)
    assert bench.monitor.status(bench.at()).reasons == ("automatic failover is off",)
    assert not bench.monitor.status(bench.at()).could_take_over


def test_a_primary_has_nothing_to_take_over() -> None:
    bench = primary()
    assert bench.monitor.status(bench.at()).reasons == ()
    assert not bench.monitor.status(bench.at()).could_take_over


def test_an_answer_that_was_not_asked_for_is_a_fault_of_ours() -> None:
    monitor = Monitor(Holder(ALPHA, "a1"), TIMING)
    with pytest.raises(AssertionError):
        monitor.step(LeaseRead(EMPTY), Instant(1))
    with pytest.raises(AssertionError):
        monitor.step(LeaseWritten(1), Instant(1))


def test_the_monitor_describes_itself_in_one_line() -> None:
    bench = Bench()
    assert bench.monitor.describe().startswith("lease not held, epoch 0")
    assert "; key never read; no service has answered" in bench.monitor.describe()
    assert primary().monitor.describe().startswith("lease held until ")
    assert primary().monitor.describe().endswith("largest 1")


def test_a_larger_epoch_ends_the_role_in_the_moment_it_is_seen() -> None:
    bench = primary()
    bench.now += 0.6
    assert CheckHealth() in bench.monitor.tick(bench.at())
    found = bench.monitor.step(HealthChecked(HealthReport(epoch=Epoch(5))), bench.at())
    assert found == (RoleLost(Epoch(1), "a larger epoch was seen"), Grant(Epoch(5), bench.at()))
    assert not bench.is_primary()


@pytest.mark.parametrize("found", [theirs(epoch=2, revision=99), KeyState(None, 1 + 2**40)])
def test_a_stale_read_of_an_own_record_brings_no_ended_role_back(found: KeyState) -> None:
    bench = primary()
    own, bench.key = bench.key, found
    bench.run(0.4)
    assert not bench.is_primary()
    bench.key = own
    done = bench.run(0.3)
    assert of(ReadLease, done) != []
    assert of(RoleAcquired, done) + of(Grant, done) == []
    assert not bench.is_primary()


def test_a_renewal_that_is_found_after_its_role_ended_brings_nothing_back() -> None:
    bench = primary()
    bench.write_answer, stale, own = WriteFailure.UNKNOWN, theirs(epoch=1, revision=0), bench.key
    bench.key = stale
    done = bench.run(0.4)
    assert of(RoleLost, done) == [RoleLost(Epoch(1), "the lease is bravo's")]
    bench.key = KeyState(bench.writes[-1].record, own.revision + 1)
    done = bench.run(0.5)
    assert of(RoleAcquired, done) + of(Grant, done) == []
    assert not bench.is_primary()
    bench.write_answer = None
    assert of(RoleAcquired, bench.run(2)) == [
        RoleAcquired(Epoch(2), ALPHA, "alpha did not renew its lease")
    ]


def test_a_key_that_somebody_spoiled_is_taken_again_on_its_revision() -> None:
    bench = Bench()
    bench.key = KeyState(None, 33)
    assert of(RoleAcquired, bench.run(2)) == [RoleAcquired(Epoch(1), None, "the site starts")]
    assert bench.writes[0].expected == 33
