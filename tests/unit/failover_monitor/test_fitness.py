"""What the role needs of this master's services, what each proof shows, and how old it may be."""

import pytest

from services.failover_monitor.core.fitness import (
    CONFIG,
    GATEWAY,
    REFUSALS,
    RELUCTANT_SECONDS,
    REPLICATION,
    Fitness,
    Proof,
    first_since,
    needs,
)
from services.failover_monitor.core.timing import NEVER, PRESETS
from shared.domain.ids import Epoch, Instant
from tests.fakes.proofs import working

TIMING = PRESETS["local"]
EPOCH = Epoch(4)
AT = Instant(100.0)


def later(seconds: float) -> Instant:
    return Instant(AT + seconds)


def fitness(*proofs: Proof) -> Fitness:
    """A holder of epoch 4 since AT, all of whose services worked then, but for *proofs*."""
    shown = Fitness(TIMING)
    shown.restart(AT)
    shown.record(working(AT, EPOCH), EPOCH, AT)
    shown.record(proofs, EPOCH, AT)
    return shown


def candidate(shown: Fitness, now: Instant) -> list[str]:
    return [fault.text for fault in shown.candidate_faults(now)]


def holder(shown: Fitness, now: Instant) -> list[str]:
    return [fault.text for fault in shown.holder_faults(now)]


@pytest.mark.parametrize("preset", PRESETS)
def test_config_is_vital_and_its_proof_counts_for_the_store_timeout(preset: str) -> None:
    timing = PRESETS[preset]
    config, *others = needs(timing)
    assert (config.service, config.is_vital) == (CONFIG, True)
    assert config.lasts_seconds == timing.store_timeout_seconds
    for need in others:
        assert not need.is_vital
        assert need.lasts_seconds >= max(10.0, timing.store_timeout_seconds)


def test_a_master_that_has_shown_nothing_yet_is_no_candidate() -> None:
    assert candidate(Fitness(TIMING), AT) == [
        f"its {service} has not shown yet that it works"
        for service in (CONFIG, REPLICATION, GATEWAY)
    ]


def test_a_holder_without_any_proof_has_its_time_from_when_its_term_began() -> None:
    shown = Fitness(TIMING)
    shown.restart(AT)
    assert holder(shown, later(2.9)) == []
    assert holder(shown, later(3.0)) == ["its config has not shown yet that it works"]


@pytest.mark.parametrize(
    ("service", "seconds", "text"),
    [
        (CONFIG, 3.0, "its config does not answer"),
        (REPLICATION, 10.0, "its replication does not answer"),
        (GATEWAY, 10.0, "its gateway does not answer"),
    ],
)
def test_a_service_that_answers_no_more_is_missed_in_time(
    service: str, seconds: float, text: str
) -> None:
    shown, end = fitness(), later(seconds)
    others = [proof for proof in working(end, EPOCH) if proof.service != service]
    shown.record(others, EPOCH, end)
    just_before = Instant(end - 0.01)
    for view in (holder, candidate):
        assert view(shown, just_before) == []
        assert view(shown, end) == [text]


def test_a_config_that_answers_and_does_not_commit_is_another_fault_and_says_why() -> None:
    shown = fitness()
    hung = Proof(CONFIG, later(3), AT, cause="the database does not answer", epoch=EPOCH)
    shown.record((hung,), EPOCH, later(3))
    expected = ["its config commits nothing: the database does not answer"]
    assert holder(shown, later(3)) == candidate(shown, later(3)) == expected


def test_one_refusal_bars_a_candidate_and_the_third_a_holder() -> None:
    for refusals in range(1, REFUSALS + 1):
        shown = fitness(Proof(CONFIG, AT, AT, refusals, "the disk is full", EPOCH))
        expected = ["its config commits nothing: the disk is full"]
        assert candidate(shown, AT) == expected
        assert holder(shown, AT) == (expected if refusals == REFUSALS else [])


def test_a_fault_by_refusals_lasts_from_the_third_on_and_ends_with_a_commit() -> None:
    refused = Proof(CONFIG, AT, AT, REFUSALS, epoch=EPOCH)
    shown = fitness(refused)
    shown.record((refused,), EPOCH, later(1))
    assert first_since(shown.holder_faults(later(1))) == AT
    shown.record(working(later(2), EPOCH), EPOCH, later(2))
    assert first_since(shown.holder_faults(later(2))) == NEVER


def test_a_config_that_commits_and_accepts_nothing_is_found_out_by_its_epoch() -> None:
    shown = fitness()
    for seconds in (1.0, 2.0, 2.9):
        shown.record(working(later(seconds), Epoch(3)), EPOCH, later(seconds))
        assert holder(shown, later(seconds)) == []
    shown.record(working(later(3.0), Epoch(0)), EPOCH, later(3.0))
    (fault,) = shown.holder_faults(later(3.0))
    assert (fault.text, fault.is_unproven) == ("its config accepts no changes", True)
    assert candidate(shown, later(3.0)) == [], "no proof shows it of a candidate"


def test_who_waits_by_order_is_not_expected_to_accept_changes() -> None:
    shown = fitness()
    shown.excuse(later(2.0))
    shown.record(working(later(4.9), Epoch(0)), EPOCH, later(4.9))
    assert holder(shown, later(4.9)) == []
    assert holder(shown, later(5.0)) == ["its config accepts no changes"]


def test_who_accepted_nothing_as_primary_is_reluctant_for_a_while() -> None:
    shown = fitness()
    shown.record(working(later(3.0), Epoch(0)), EPOCH, later(3.0))
    shown.end_role(later(3.0))
    assert shown.is_reluctant(later(3.0 + RELUCTANT_SECONDS - 0.1))
    assert not shown.is_reluctant(later(3.0 + RELUCTANT_SECONDS))
    well = fitness()
    well.end_role(later(1.0))
    assert not well.is_reluctant(later(1.0))


def test_a_term_that_goes_on_after_a_pause_gives_every_service_its_time_again() -> None:
    shown = fitness()
    assert holder(shown, later(50)) != []
    shown.restart(later(50))
    assert holder(shown, later(52.9)) == []
    assert candidate(shown, later(52.9)) != [], "a candidate has no term"
