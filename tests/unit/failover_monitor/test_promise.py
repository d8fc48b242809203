"""The failsafe promise: when it is asked for, when it is given, and what it is worth."""

from dataclasses import replace
from typing import Any

import pytest

from services.failover_monitor.core.effects import (
    CollectVotes,
    Grant,
    RoleAcquired,
    RoleLost,
    WriteLease,
)
from services.failover_monitor.core.facts import (
    LeaseWritten,
    VotesCollected,
    WriteFailure,
)
from services.failover_monitor.core.health import HealthReport
from services.failover_monitor.core.record import KeyState, LeaseRecord
from services.failover_monitor.core.timing import PRESETS
from shared.domain.ids import Epoch, NodeId
from shared.events.failover import PromiseTerms, PromiseVote
from tests.unit.failover_monitor.test_monitor import (
    ACTING,
    ALPHA,
    BRAVO,
    TIMING,
    Bench,
    hear,
    of,
    primary,
    theirs,
)

CHARLIE = NodeId("charlie")
WAITING = 1.65
BOTH = frozenset({BRAVO, CHARLIE})


def silent() -> Bench:
    """A primary whose bucket has just fallen silent."""
    bench = primary()
    bench.write_answer, bench.reads_fail = WriteFailure.UNKNOWN, True
    return bench


def asking() -> tuple[Bench, PromiseTerms]:
    """A primary that has just asked."""
    bench = silent()
    return bench, until_asked(bench)


def until_asked(bench: Bench) -> PromiseTerms:
    for _ in range(300):
        for effect in bench.run(0.01):
            if isinstance(effect, CollectVotes):
                return effect.terms
    raise AssertionError("nothing was asked")


def promised(asked: PromiseTerms, node: NodeId = BRAVO, **other: Any) -> PromiseVote:
    vote = PromiseVote(node=node, terms=asked, largest=asked.epoch)
    return vote.model_copy(update=other)


def answer(bench: Bench, asked: PromiseTerms, *votes: PromiseVote, **other: Any) -> list[Any]:
    """The asking ends with *votes*; what was done."""
    answers = VotesCollected(asked.number, frozenset({BRAVO}), asked.epoch, votes)
    bench.done = []
    bench.perform(bench.monitor.step(replace(answers, **other), bench.at()))
    return bench.done


def test_nothing_is_asked_while_the_bucket_answers() -> None:
    bench = primary()
    assert of(CollectVotes, bench.run(20)) == []


def test_one_answer_that_was_lost_asks_nobody() -> None:
    bench = silent()
    bench.run(0.3)
    bench.write_answer, bench.reads_fail = None, False
    assert of(CollectVotes, bench.run(5)) == []


def test_a_primary_asks_three_renewals_before_its_end_and_again_at_each() -> None:
    bench, asked = asking()
    assert (asked.holder, asked.instance, asked.epoch) == (ALPHA, "a1", 1)
    assert (asked.number, asked.ttl, asked.margin) == (1, 1.5, 0.15)
    end = bench.writes[-2].record
    assert end.n >= 1
    answer(bench, asked)
    again = bench.now
    assert until_asked(bench).number == 2
    assert bench.now - again == pytest.approx(TIMING.renew_seconds, abs=0.02)


def test_while_an_answer_is_awaited_nothing_more_is_asked() -> None:
    bench, _ = asking()
    assert of(CollectVotes, bench.run(5)) == []


def test_on_every_other_masters_promise_the_role_is_kept_from_when_it_was_asked() -> None:
    bench, asked = asking()
    asked_at = bench.now
    bench.run(0.1)
    (grant,) = answer(bench, asked, promised(asked))
    assert isinstance(grant, Grant)
    assert grant.epoch == asked.epoch
    assert asked_at - 0.011 + ACTING <= grant.valid_until <= asked_at + ACTING
    bench.run(grant.valid_until - bench.now - 0.001)
    assert bench.is_primary()
    assert bench.monitor.status(bench.at()).reasons == (
        "the lease cannot be written: it acts on the other masters' promises",
    )
    bench.run(0.002)
    assert not bench.is_primary()


def test_a_role_is_kept_for_as_long_as_the_others_promise_and_the_bucket_is_silent() -> None:
    bench = silent()
    for _ in range(30):
        asked = until_asked(bench)
        assert bench.is_primary()
        assert answer(bench, asked, promised(asked)) != []
    bench.write_answer, bench.reads_fail = None, False
    done = bench.run(1)
    assert of(RoleLost, done) + of(RoleAcquired, done) + of(CollectVotes, done) == []
    assert bench.is_primary()
    assert (bench.monitor.epoch, bench.monitor.status(bench.at()).reasons) == (1, ())


NO = "it can write the lease"


@pytest.mark.parametrize("refusals", [{}, {BRAVO: ""}, {BRAVO: "", CHARLIE: NO}])
def test_one_master_that_says_nothing_or_no_is_enough_to_end_it(
    refusals: dict[NodeId, str],
) -> None:
    bench, asked = asking()
    votes = [promised(asked, node, refusal=refusal) for node, refusal in refusals.items()]
    assert of(Grant, answer(bench, asked, *votes, masters=BOTH)) == []
    bench.run(ACTING)
    assert not bench.is_primary()


def test_a_site_with_one_master_has_nobody_to_ask() -> None:
    bench, asked = asking()
    assert of(Grant, answer(bench, asked, masters=frozenset[NodeId]())) != []


@pytest.mark.parametrize(
    "unknown", [{"masters": None}, {"epoch": Epoch(0)}], ids=["silent database", "older database"]
)
def test_who_has_to_promise_must_be_known_as_of_this_epoch(unknown: dict[str, Any]) -> None:
    bench, asked = asking()
    assert answer(bench, asked, promised(asked), **unknown) == []


@pytest.mark.parametrize(
    "other",
    [
        {"number": 7},
        {"epoch": Epoch(9)},
        {"holder": CHARLIE},
        {"instance": "a0"},
        {"ttl": 9.0},
    ],
)
def test_a_promise_to_another_request_is_none(other: dict[str, Any]) -> None:
    bench, asked = asking()
    assert answer(bench, asked, promised(asked.model_copy(update=other))) == []


def test_answers_that_come_twice_or_late_change_nothing() -> None:
    bench, first = asking()
    assert answer(bench, first, promised(first)) != []
    assert answer(bench, first, promised(first)) == []
    second = until_asked(bench)
    assert answer(bench, first, promised(first)) == []
    assert answer(bench, second, promised(second)) != []


def test_a_role_that_ran_out_is_not_brought_back_by_a_promise() -> None:
    bench, asked = asking()
    bench.run(ACTING)
    assert not bench.is_primary()
    assert answer(bench, asked, promised(asked)) == []
    assert of(CollectVotes, bench.run(5)) == []
    assert not bench.is_primary()


def test_a_compare_and_set_that_lost_is_an_answer_of_the_bucket() -> None:
    bench = silent()
    bench.write_answer = WriteFailure.REFUSED
    assert of(CollectVotes, bench.run(5)) == []
    assert not bench.is_primary()


def test_a_bucket_that_answered_meanwhile_makes_the_promise_void() -> None:
    bench, asked = asking()
    bench.write_answer, bench.reads_fail = WriteFailure.REFUSED, False
    bench.run(0.4)
    assert answer(bench, asked, promised(asked)) == []


def test_a_larger_epoch_in_any_answer_ends_the_role_at_once() -> None:
    bench, asked = asking()
    done = answer(bench, asked, promised(asked, largest=Epoch(4), refusal="it has seen epoch 4"))
    assert done == [RoleLost(Epoch(1), "a larger epoch was seen"), Grant(Epoch(4), bench.at())]
    assert not bench.is_primary()


def test_a_larger_epoch_that_is_seen_later_ends_what_was_promised() -> None:
    bench, asked = asking()
    answer(bench, asked, promised(asked))
    bench.checks = HealthReport(epoch=Epoch(3))
    bench.run(0.6)
    assert not bench.is_primary()


def test_a_primary_whose_config_is_dead_asks_for_nothing_once_another_could() -> None:
    bench = primary()
    bench.is_silent = True
    hear(bench, 6)
    bench.write_answer, bench.reads_fail = WriteFailure.UNKNOWN, True
    assert of(CollectVotes, hear(bench, 1.5)) == []


def test_who_is_handing_over_asks_for_nothing() -> None:
    bench = primary()
    bench.perform(bench.monitor.pause(bench.at()))
    bench.write_answer, bench.reads_fail = WriteFailure.UNKNOWN, True
    assert of(CollectVotes, bench.run(3)) == []


def test_a_record_that_is_found_later_takes_nothing_from_the_promise() -> None:
    bench = silent()
    bench.run(0.3)
    landed = bench.writes[-1]
    asked = until_asked(bench)
    (grant,) = answer(bench, asked, promised(asked))
    bench.key = KeyState(landed.record, bench.key.revision + 1)
    bench.reads_fail = False
    found = of(Grant, bench.run(0.2))
    assert isinstance(grant, Grant)
    assert isinstance(found[0], Grant)
    assert found[0].valid_until == grant.valid_until


# The other side.


class Unanswered(Bench):
    """A master whose writes are under way until the end."""

    def answer_write(self, effect: WriteLease) -> None:
        """It does not come."""


def request_of_bravo() -> PromiseTerms:
    return PromiseTerms(
        holder=BRAVO,
        instance="b1",
        number=1,
        epoch=Epoch(3),
        ttl=TIMING.ttl_seconds,
        margin=TIMING.margin_seconds,
    )


def candidate(bench: Bench | None = None, **other: Any) -> tuple[Bench, PromiseTerms]:
    """A backup that has read the lease of bravo's epoch 3, and what bravo asks it."""
    bench = bench or Bench()
    bench.key = theirs(epoch=3)
    bench.run(0.5)
    asked = request_of_bravo()
    return bench, asked.model_copy(update=other)


def decide(bench: Bench, asked: PromiseTerms, *, could_write: bool = False) -> str:
    promise = bench.monitor.vote(asked, bench.at(), can_write=could_write)
    assert (promise.terms, promise.node) == (asked, ALPHA)
    return promise.refusal


def test_a_candidate_that_cannot_write_promises_and_then_waits_before_it_takes() -> None:
    bench, asked = candidate()
    bench.run(0.6)
    promised_at = bench.now
    assert decide(bench, asked) == ""
    assert "it promised bravo not to act yet" in bench.monitor.status(bench.at()).reasons
    assert of(WriteLease, bench.run(WAITING - 0.001)) == []
    assert of(RoleAcquired, bench.run(0.5)) == [
        RoleAcquired(Epoch(4), BRAVO, "bravo did not renew its lease")
    ]
    assert bench.now >= promised_at + WAITING
    assert bench.monitor.status(bench.at()).reasons == ()


def test_who_can_write_to_the_bucket_promises_nothing() -> None:
    bench, asked = candidate()
    assert decide(bench, asked, could_write=True) == "it can write the lease"
    assert of(RoleAcquired, bench.run(WAITING)) != []


def test_who_has_seen_a_larger_epoch_promises_nothing_and_says_which() -> None:
    bench, asked = candidate(epoch=Epoch(2))
    promise = bench.monitor.vote(asked, bench.at(), can_write=False)
    assert (promise.refusal, promise.largest) == ("it has seen epoch 3", 3)


def test_an_epoch_that_is_only_asserted_is_not_believed() -> None:
    bench, asked = candidate(epoch=Epoch(2**60))
    assert decide(bench, asked) == ""
    assert bench.monitor.epoch == 3


def test_who_holds_the_lease_promises_nothing() -> None:
    bench = primary()
    asked = request_of_bravo()
    assert decide(bench, asked) == "it holds the lease itself"
    bench.write_answer, bench.reads_fail = WriteFailure.UNKNOWN, True
    bench.run(9)
    assert decide(bench, asked) == "it holds the lease itself", "it may go on"


def test_while_a_take_may_still_land_nothing_is_promised() -> None:
    bench, asked = candidate()
    bench.write_answer = WriteFailure.UNKNOWN
    bench.run(2)
    bench.checks = HealthReport(failed_checks=("its database fell ill",))
    bench.run(1)
    count, reads = len(bench.writes), bench.read_count
    bench.run(1)
    assert len(bench.writes) == count > 0
    assert bench.read_count > reads
    assert decide(bench, asked) == "a write of its own may still land", "the key is as it was"
    bench.key = theirs(epoch=3, revision=21)
    bench.run(0.3)
    assert decide(bench, asked) == ""


def test_a_take_that_is_under_way_may_land() -> None:
    bench, asked = candidate(Unanswered())
    bench.run(1.5)
    assert len(bench.writes) == 1
    assert decide(bench, asked) == "a write of its own may still land"


def test_a_primary_that_waits_longer_than_this_master_is_promised_nothing() -> None:
    bench, asked = candidate(ttl=1.6)
    assert "their timing differs" in decide(bench, asked)


def test_a_take_that_lands_after_a_promise_acts_only_when_the_promise_has_run_out() -> None:
    """Two guards stand before this: without the first, the second holds alone."""
    bench, asked = candidate()
    bench.write_answer = WriteFailure.UNKNOWN
    bench.run(2)
    late = bench.writes[-1].record
    bench.key = theirs(epoch=3, revision=21)
    bench.run(0.2)
    assert decide(bench, asked) == ""
    promised_at = bench.now
    bench.key, bench.write_answer = KeyState(late, 22), None
    done = bench.run(WAITING - 0.01)
    assert of(WriteLease, done) != [], "it renews what it holds"
    assert of(RoleAcquired, done) + of(Grant, done) == []
    assert not bench.is_primary()
    assert bench.monitor.status(bench.at()).reasons == ("it promised bravo not to act yet",)
    done = bench.run(0.3)
    assert of(RoleAcquired, done) == [
        RoleAcquired(Epoch(4), BRAVO, "bravo did not renew its lease")
    ]
    assert of(Grant, done[: done.index(of(RoleAcquired, done)[0])]) == []
    assert bench.is_primary()
    assert bench.now >= promised_at + WAITING


def test_a_role_that_was_handed_over_begins_only_when_the_promise_has_run_out() -> None:
    bench, asked = candidate()
    prepared = bench.monitor.prepare(bench.at())
    assert decide(bench, asked) == ""
    times = TIMING.ttl_seconds, TIMING.margin_seconds
    record = LeaseRecord(Epoch(4), ALPHA, prepared.holder.instance, prepared.n, *times)
    bench.key = KeyState(record, 21)
    assert of(RoleAcquired, bench.run(WAITING - 0.01)) == []
    assert not bench.is_primary()
    done = bench.run(0.3)
    assert of(RoleAcquired, done) == [RoleAcquired(Epoch(4), BRAVO, "bravo handed its role over")]
    grants = of(Grant, done)
    assert isinstance(grants[0], Grant)
    assert grants[0].planned


def test_a_role_that_ended_before_it_began_is_reported_to_nobody() -> None:
    bench, asked = candidate()
    prepared = bench.monitor.prepare(bench.at())
    decide(bench, asked)
    record = LeaseRecord(Epoch(4), ALPHA, prepared.holder.instance, prepared.n, 1.5, 0.15)
    bench.key = KeyState(record, 21)
    bench.run(0.3)
    bench.key = theirs(epoch=5, revision=99)
    done = bench.run(0.5)
    assert of(RoleLost, done) + of(RoleAcquired, done) + of(Grant, done) == []
    assert bench.monitor.epoch == 5


def test_a_take_whose_answer_comes_when_it_has_run_out_is_not_reported_before_it_is_renewed() -> (
    None
):
    bench = Unanswered()
    bench.key = theirs(epoch=3)
    bench.run(2)
    (write,) = bench.writes
    bench.now += ACTING
    late = bench.monitor.step(LeaseWritten(21), bench.at())
    assert of(RoleAcquired, list(late)) + of(Grant, list(late)) == []
    bench.key = KeyState(write.record, 21)
    again = bench.monitor.tick(bench.at())
    renewed = bench.monitor.step(LeaseWritten(22), bench.at())
    assert of(WriteLease, list(again)) != []
    assert of(RoleAcquired, list(renewed)) == [
        RoleAcquired(Epoch(4), BRAVO, "bravo did not renew its lease")
    ]


def test_a_second_promise_only_makes_the_wait_longer() -> None:
    bench, asked = candidate()
    decide(bench, asked)
    bench.run(0.5)
    decide(bench, asked.model_copy(update={"number": 2, "ttl": 0.3, "margin": 0.1}))
    again = bench.now
    assert of(WriteLease, bench.run(WAITING - 0.001)) == []
    assert of(RoleAcquired, bench.run(0.5)) != []
    assert bench.now > again + WAITING


def test_a_restarted_candidate_waits_from_its_first_read_whatever_it_had_promised() -> None:
    bench, asked = candidate()
    decide(bench, asked)
    again = Bench(begin=bench.now)
    again.key, again.reads_fail = bench.key, True
    again.run(0.4)
    again.reads_fail = False
    first_read = again.now
    assert of(WriteLease, again.run(WAITING - 0.001)) == []
    assert of(RoleAcquired, again.run(0.5)) != []
    assert again.now > first_read + WAITING


def test_calls_for_promises_and_probes_end_within_a_renewal_interval() -> None:
    for timing in PRESETS.values():
        assert timing.probe_seconds < timing.renew_seconds
        assert timing.renew_seconds < timing.request_seconds < timing.acting_seconds
