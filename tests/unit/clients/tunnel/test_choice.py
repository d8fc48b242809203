import pytest

from clients.tunnel.choice import PathChoice
from shared.domain.ids import Instant, PathGeneration

ONE, TWO, THREE, FOUR = (PathGeneration(each) for each in (1, 2, 3, 4))
START = Instant(100.0)
SOON = Instant(100.1)
LATE = Instant(100.3)


@pytest.fixture
def choice() -> PathChoice:
    fresh = PathChoice(patience_seconds=0.3)
    fresh.prefer([ONE, TWO, THREE])
    return fresh


def test_nothing_is_picked_while_nothing_is_ready(choice: PathChoice) -> None:
    assert choice.pick(LATE) is None
    assert choice.deadline() is None


def test_the_first_choice_is_picked_at_once(choice: PathChoice) -> None:
    choice.mark_ready(ONE, START)
    assert choice.pick(START) is ONE
    assert choice.deadline() is None


def test_the_first_choice_has_a_moment_after_any_other_is_ready(choice: PathChoice) -> None:
    choice.mark_ready(THREE, START)
    assert choice.pick(START) is None
    assert choice.deadline() == LATE
    choice.mark_ready(ONE, SOON)
    assert choice.pick(SOON) is ONE


def test_after_that_moment_the_best_ready_path_is_picked(choice: PathChoice) -> None:
    choice.mark_ready(THREE, START)
    choice.mark_ready(TWO, SOON)
    assert choice.pick(SOON) is None
    assert choice.pick(LATE) is TWO


def test_nobody_waits_for_a_path_that_cannot_be_reached(choice: PathChoice) -> None:
    choice.mark_unreachable(ONE)
    choice.mark_ready(TWO, START)
    assert choice.pick(START) is TWO


def test_a_path_that_became_ready_is_reachable_again(choice: PathChoice) -> None:
    choice.mark_unreachable(ONE)
    choice.mark_ready(ONE, START)
    choice.mark_gone(ONE)
    choice.mark_ready(TWO, SOON)
    assert choice.pick(SOON) is None


def test_a_path_that_went_is_not_picked(choice: PathChoice) -> None:
    choice.mark_ready(ONE, START)
    choice.mark_gone(ONE)
    assert choice.pick(LATE) is None


def test_only_a_better_path_than_the_present_one_is_picked(choice: PathChoice) -> None:
    choice.mark_ready(TWO, START)
    choice.mark_ready(THREE, START)
    assert choice.pick(LATE, better_than=TWO) is None
    choice.mark_ready(ONE, LATE)
    assert choice.pick(LATE, better_than=TWO) is ONE


def test_the_moment_counts_from_the_first_that_is_better(choice: PathChoice) -> None:
    choice.mark_ready(THREE, START)
    choice.prefer([FOUR, ONE, TWO, THREE])
    choice.mark_ready(ONE, LATE)
    assert choice.pick(LATE, better_than=THREE) is None
    assert choice.deadline() == LATE + 0.3


def test_a_path_that_nobody_offered_is_better_than_none(choice: PathChoice) -> None:
    choice.prefer([])
    choice.mark_ready(FOUR, START)
    assert choice.pick(START) is FOUR
