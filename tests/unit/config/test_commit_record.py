"""What a master's last writes prove: tables for each fact, and properties over any run of them."""

from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.config.core.commit_record import (
    LONGEST_CAUSE,
    REMEMBERED_SECONDS,
    CommitRecord,
)
from shared.domain.errors import StoreUnavailable
from shared.domain.ids import Epoch, Instant, NodeId, Revision
from shared.domain.refusal import StoreRefused
from shared.events.proof import ServiceProof

ALPHA = NodeId("alpha")
AT_REVISION = Revision(7)
FULL, SILENT = StoreRefused("the disk is full"), StoreUnavailable("no answer")

Fact = Callable[[CommitRecord, Instant], None]


def append(record: CommitRecord, now: Instant) -> None:
    record.record_append(now)


def probe(record: CommitRecord, now: Instant) -> None:
    record.record_probe(now)


def link(record: CommitRecord, now: Instant) -> None:
    record.record_link(now)


def lost_link(record: CommitRecord, _: Instant) -> None:
    record.record_lost_link("the link is gone")


def refused_append(record: CommitRecord, now: Instant) -> None:
    record.record_failed_append(FULL, AT_REVISION, now)


def silent_append(record: CommitRecord, now: Instant) -> None:
    record.record_failed_append(SILENT, AT_REVISION, now)


def refused_probe(record: CommitRecord, _: Instant) -> None:
    record.record_failed_probe(FULL)


def silent_probe(record: CommitRecord, _: Instant) -> None:
    record.record_failed_probe(SILENT)


FACTS = (
    *(append, probe, link, lost_link),
    *(refused_append, silent_append, refused_probe, silent_probe),
)


def proof_after(*facts: Fact, at: float = 0.0) -> ServiceProof:
    """The proof when *facts* came one a second from second 1 on, *at* seconds after the last."""
    record = CommitRecord()
    for second, fact in enumerate(facts, 1):
        fact(record, Instant(second))
    return record.prove(ALPHA, Epoch(0), Instant(len(facts) + at))


def test_nothing_is_proven_before_the_first_commit() -> None:
    assert proof_after() == ServiceProof(node=ALPHA, worked_at=Instant(0.0))


@pytest.mark.parametrize(
    ("facts", "worked_at", "refusals", "cause"),
    [
        ((append,), 1, 0, ""),
        ((probe,), 0, 0, ""),
        ((probe, link), 1, 0, ""),
        ((link, probe), 1, 0, ""),
        ((append, lost_link), 1, 0, "the link is gone"),
        ((append, lost_link, probe, probe), 1, 0, "the link is gone"),
        ((append, lost_link, link, probe), 3, 0, ""),
        ((append, lost_link, append), 3, 0, ""),
        ((append, refused_probe), 1, 1, FULL.message),
        ((append, refused_probe, refused_probe, refused_probe), 1, 3, FULL.message),
        ((append, refused_probe, refused_probe, link, probe), 4, 0, ""),
        ((append, silent_probe, silent_probe), 1, 0, SILENT.message),
        ((append, silent_append), 1, 0, SILENT.message),
        ((append, silent_append, link, probe), 3, 0, ""),
        ((append, refused_append), 1, 1, FULL.message),
        ((append, refused_append, link, probe), 3, 1, FULL.message),
        ((append, refused_append, refused_append, link, probe), 4, 2, FULL.message),
        ((append, refused_append, refused_probe, refused_probe), 1, 2, FULL.message),
        ((append, refused_append, refused_append, append), 4, 0, ""),
        ((append, refused_append, silent_append), 1, 1, FULL.message),
        ((append, refused_probe, lost_link), 1, 1, FULL.message),
        ((append, refused_probe, append), 3, 0, ""),
    ],
)
def test_each_fact_changes_the_proof_as_the_table_says(
    facts: tuple[Fact, ...], worked_at: int, refusals: int, cause: str
) -> None:
    proof = proof_after(*facts)
    assert (float(proof.worked_at), proof.refusals, proof.cause) == (worked_at, refusals, cause)


def test_a_refused_append_is_remembered_for_a_minute_whatever_probes_say() -> None:
    facts = (append, refused_append, refused_append, link, probe)
    since = len(facts) - 3  # the last refusal
    assert proof_after(*facts, at=REMEMBERED_SECONDS - since - 0.1).refusals == 2
    forgotten = proof_after(*facts, at=REMEMBERED_SECONDS - since)
    assert (forgotten.refusals, forgotten.cause) == (0, "")


def test_a_refusal_after_a_minute_without_one_is_the_first_again() -> None:
    record = CommitRecord()
    for at in (1.0, 2.0, 2.0 + REMEMBERED_SECONDS):
        record.record_failed_append(FULL, AT_REVISION, Instant(at))
    assert record.prove(ALPHA, Epoch(0), Instant(2.0 + REMEMBERED_SECONDS)).refusals == 1


def test_the_epoch_and_the_node_are_those_of_the_caller() -> None:
    proof = CommitRecord().prove(ALPHA, Epoch(7), Instant(1.0))
    assert (proof.node, proof.epoch) == (ALPHA, 7)


def test_a_cause_is_cut_however_much_the_database_says() -> None:
    record = CommitRecord()
    record.record_failed_probe(StoreRefused("x" * 100_000))
    assert len(record.prove(ALPHA, Epoch(0), Instant(1.0)).cause) == LONGEST_CAUSE


@given(facts=st.lists(st.sampled_from(FACTS), max_size=30))
def test_a_proof_never_runs_ahead_of_a_commit_and_never_goes_back(facts: list[Fact]) -> None:
    record, before = CommitRecord(), 0.0
    commits = [0.0]
    for second, fact in enumerate(facts, 1):
        fact(record, Instant(second))
        commits += [float(second)] if fact in {append, probe} else []
        proof = record.prove(ALPHA, Epoch(0), Instant(second))
        assert before <= proof.worked_at <= commits[-1]
        before = proof.worked_at


@given(facts=st.lists(st.sampled_from(FACTS), max_size=30))
def test_refusals_without_a_cause_do_not_exist_and_an_append_ends_them(facts: list[Fact]) -> None:
    proof = proof_after(*facts)
    assert proof.cause or not proof.refusals
    assert proof_after(*facts, append) == ServiceProof(
        node=ALPHA, worked_at=Instant(len(facts) + 1)
    )


@given(facts=st.lists(st.sampled_from([f for f in FACTS if f is not append]), max_size=20))
def test_no_probe_hides_a_refused_append(facts: list[Fact]) -> None:
    assert proof_after(refused_append, *facts).refusals >= 1


def test_a_later_entry_that_the_follower_applied_takes_back_what_was_refused_to_an_append() -> None:
    record = CommitRecord()
    now = Instant(100.0)
    for _ in range(3):
        record.record_failed_append(FULL, AT_REVISION, now)
    record.record_applied(AT_REVISION)
    assert record.prove(ALPHA, Epoch(0), now).refusals == 3, "it was there before the refusal"
    record.record_applied(Revision(AT_REVISION + 1))
    proof = record.prove(ALPHA, Epoch(0), now)
    assert proof.refusals == 0
