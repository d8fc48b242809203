"""When a change has lasted: bounds that hold for whatever a master says."""

from dataclasses import dataclass, field
from itertools import pairwise
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.gateway.cluster.core.steady import (
    LONGEST_SECONDS,
    MEMORY_SECONDS,
    SHORTEST_SECONDS,
    SteadyState,
)
from shared.domain.ids import Instant

STEP = 0.5
WORSE_SECONDS = 1.0
MINUTES_23 = int(23 * 60 / STEP)


@dataclass
class Reports:
    """What was reported of one thing, and when."""

    steady: SteadyState[str] = field(default_factory=SteadyState[str])
    events: list[tuple[float, str]] = field(default_factory=list[tuple[float, str]])

    def take(self, state: str, at: float) -> None:
        if self.steady.update(state, 0 if state == "able" else 1, WORSE_SECONDS, Instant(at)):
            self.events.append((at, state))


def test_the_first_good_state_is_reported_at_once_and_a_bad_one_when_it_lasted() -> None:
    good, bad = Reports(), Reports()
    good.take("able", 7.0)
    for at in (7.0, 7.5, 8.0):
        bad.take("lags", at)
    assert good.events == [(7.0, "able")]
    assert bad.events == [(8.0, "lags")]


def test_a_master_whose_reasons_change_all_the_time_is_unable_all_the_same() -> None:
    reports = Reports()
    reports.take("able", 0.0)
    for number in range(1, 4):
        reports.take(f"reason {number}", number * STEP)
    assert reports.events[1:] == [(1.5, "reason 3")]


def test_reasons_that_alternate_slowly_are_reported_less_and_less_often() -> None:
    reports = Reports()
    reports.take("able", 0.0)
    for number in range(1, 600):
        reports.take("lags" if number // 14 % 2 else "its database is silent", number * STEP)
    assert len(reports.events) <= 4


def test_able_has_to_last_longer_after_each_setback_up_to_a_minute() -> None:
    reports, at, pauses = Reports(), 0.0, list[float]()
    reports.take("able", at)
    for _ in range(6):
        for _ in range(3):
            at += STEP
            reports.take("lags", at)
        began = at + STEP
        while reports.events[-1][1] != "able":
            at += STEP
            reports.take("able", at)
        pauses.append(at - began)
    assert pauses == [5.0, 10.0, 20.0, 40.0, 60.0, 60.0]


def test_a_long_quiet_makes_a_setback_the_first_again() -> None:
    reports = Reports()
    reports.take("able", 0.0)
    for start in (10.0, 20.0 + MEMORY_SECONDS):
        for at in (start, start + 1, start + 2, start + 2 + SHORTEST_SECONDS):
            reports.take("lags" if at < start + 2 else "able", at)
    assert [state for _, state in reports.events] == ["able", "lags", "able", "lags", "able"]


def test_what_is_bad_for_good_is_reported_at_once_however_often_it_flipped_before() -> None:
    reports = Reports()
    reports.take("able", 0.0)
    at = 0.0
    for number in range(201):
        at += STEP
        reports.take("lags" if number % 2 else "able", at)
    assert reports.events == [(0.0, "able")]
    reports.take("lags", at + 1)
    reports.take("lags", at + 2)
    assert reports.events[1:] == [(at + 2, "lags")]


def test_186_flips_in_23_minutes_are_a_handful_of_events() -> None:
    """The busy machine that this was made for: a flip every seven seconds or so, by chance."""
    reports, chance, state = Reports(), Random(23), "able"
    for number in range(MINUTES_23):
        if chance.random() < 186 / MINUTES_23:
            state = "lags" if state == "able" else "able"
        reports.take(state, number * STEP)
    assert len(reports.events) <= 20


@pytest.mark.parametrize("period_seconds", [1, 2, 3, 5, 6, 8, 11, 21, 41, 61, 62, 65])
def test_no_rhythm_of_flips_makes_more_than_two_events_a_minute_in_the_long_run(
    period_seconds: int,
) -> None:
    reports = Reports()
    for number in range(MINUTES_23):
        is_able = (number * STEP) % period_seconds >= WORSE_SECONDS + STEP
        reports.take("able" if is_able else "lags", number * STEP)
    late = [at for at, _ in reports.events if at >= 300.0]
    assert len(late) <= 2 * (23 - 5) + 1


STATES = st.sampled_from(["able", "lags", "other reason", "third reason"])


@given(st.lists(st.tuples(STATES, st.integers(1, 60)), max_size=60))
def test_whatever_is_reported_events_alternate_are_bounded_and_lasted(
    stated: list[tuple[str, int]],
) -> None:
    reports, at, seen = Reports(), 0.0, list[tuple[float, str]]()
    for state, steps in stated:
        for _ in range(steps):
            reports.take(state, at)
            seen.append((at, state))
            at += STEP
    for (before, old), (now, new) in pairwise(reports.events):
        assert old != new
        pause = SHORTEST_SECONDS if new == "able" or old != "able" else WORSE_SECONDS
        lasted = [state for when, state in seen if now - pause <= when <= now]
        assert now - before >= pause
        assert set(lasted) == {new} or (old == "able" and "able" not in lasted)
    assert len(reports.events) <= 2 * (5 + at / LONGEST_SECONDS) + 2
