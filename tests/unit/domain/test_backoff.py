"""Pauses between attempts: they double, stop growing, and are shortened by chance alone."""

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.domain.backoff import Backoff

PAUSES = Backoff(first_seconds=0.5, longest_seconds=30.0)


def test_the_pause_doubles_up_to_the_longest() -> None:
    pauses = [PAUSES.pause_seconds(failures) for failures in range(1, 9)]
    assert pauses == [0.5, 1, 2, 4, 8, 16, 30, 30]


def test_before_the_first_failure_the_pause_is_the_first_one() -> None:
    assert PAUSES.pause_seconds(0) == PAUSES.pause_seconds(1)


def test_a_constant_pause_does_not_grow() -> None:
    assert {Backoff.constant(2).pause_seconds(failures) for failures in range(9)} == {2}


def test_chance_takes_no_more_away_than_the_jitter() -> None:
    pauses = Backoff(1.0, 8.0, jitter=0.25)
    assert pauses.pause_seconds(3, chance=0.0) == 4.0
    assert pauses.pause_seconds(3, chance=1.0) == 3.0


@given(
    first=st.floats(1e-3, 10),
    longest=st.floats(10, 1e4),
    jitter=st.floats(0, 1),
    failures=st.integers(0, 10**9),
    chance=st.floats(0, 1),
)
def test_every_pause_lies_within_its_limits(
    first: float, longest: float, jitter: float, failures: int, chance: float
) -> None:
    pauses = Backoff(first, longest, jitter)
    assert 0 <= pauses.pause_seconds(failures, chance) <= longest
    assert pauses.pause_seconds(failures, chance) >= (1 - jitter) * first * (1 - 1e-9)
    assert all(a <= b for a, b in pairwise(map(pauses.pause_seconds, range(80))))


@pytest.mark.parametrize("limits", [(0.0, 1.0, 0.0), (2.0, 1.0, 0.0), (1.0, 1.0, 1.5)])
def test_senseless_limits_are_refused(limits: tuple[float, float, float]) -> None:
    with pytest.raises(AssertionError):
        Backoff(*limits)
