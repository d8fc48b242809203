"""What the marks of a service's runs say: how often it ended uncleanly, and whether in a loop."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.decoding.errors import Undecodable
from shared.domain.ids import UnixMillis
from shared.domain.runs import LOOP_MS, LOOP_RUNS, Run

NOON = 1_777_888_800_000


def run(seconds: float = 0.0, before: Run | None = None) -> Run:
    """A run that began so long after noon."""
    started = NOON + round(seconds * 1_000)
    return Run("relay", 4711, "boot", "0.1.0", started).after(before)


def chain(*seconds: float) -> Run:
    """The last of runs that began then, each before it ended uncleanly."""
    last: Run | None = None
    for each in seconds:
        last = run(each, last)
    assert last is not None
    return last


def at(seconds: float) -> UnixMillis:
    return UnixMillis(NOON + round(seconds * 1_000))


def test_a_first_run_has_nothing_before_it() -> None:
    first = chain(0)
    assert (first.restarts, first.starts) == (0, (NOON,))


def test_unclean_ends_are_counted_from_the_last_clean_one() -> None:
    assert chain(0, 100, 200, 300, 400).restarts == 4
    assert run(500).restarts == 0


def test_three_unclean_ends_of_runs_within_a_minute_are_a_crash_loop() -> None:
    assert not chain(0, 1).is_crash_loop(at(2), runs=False)
    assert not chain(0, 1, 2).is_crash_loop(at(2), runs=True), "the third has not ended yet"
    assert chain(0, 1, 2).is_crash_loop(at(3), runs=False)
    assert chain(0, 1, 2, 3).is_crash_loop(at(3), runs=True)
    assert chain(0, 30, 60).is_crash_loop(at(500), runs=False)
    assert not chain(0, 30, 61).is_crash_loop(at(500), runs=False)


def test_a_run_of_a_minute_shows_that_the_loop_is_over() -> None:
    last = chain(0, 1, 2, 3)
    assert last.is_crash_loop(at(62), runs=True)
    assert not last.is_crash_loop(at(63.1), runs=True)
    assert last.restarts == 3, "that it happened is still told"


def test_a_mark_is_read_as_it_was_written() -> None:
    assert Run.decode(chain(0, 1, 2, 3, 4).encode()) == chain(0, 1, 2, 3, 4)


@pytest.mark.parametrize("data", [b"", b"\0" * 200, b"[]", b"{}", b'{"service": 7}', b"[" * 90_000])
def test_what_is_no_mark_is_refused(data: bytes) -> None:
    with pytest.raises(Undecodable):
        Run.decode(data)


@given(st.lists(st.floats(0, 200), min_size=1, max_size=30).map(sorted))
def test_a_mark_stays_small_and_a_loop_needs_three_ends(seconds: list[float]) -> None:
    last = chain(*seconds)
    assert len(last.starts) <= LOOP_RUNS + 1
    assert last.restarts == len(seconds) - 1
    if last.is_crash_loop(at(seconds[-1]), runs=False):
        assert last.starts[-1] - last.starts[-LOOP_RUNS] <= LOOP_MS
