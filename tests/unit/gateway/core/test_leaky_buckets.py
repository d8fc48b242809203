"""Buckets against a model, and what becomes of them when there are too many keys."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.gateway.core.leaky_buckets import LeakyBuckets
from shared.domain.ids import Instant

LEAK_SECONDS = 4.0
CAPACITY = 5


def at(seconds: float) -> Instant:
    return Instant(seconds)


def buckets(keys: int = 100) -> LeakyBuckets:
    return LeakyBuckets(leak_seconds=LEAK_SECONDS, capacity=CAPACITY, keys=keys)


@pytest.mark.parametrize(
    ("seconds", "level"), [(0, 3), (3.9, 3), (4, 2), (7.9, 2), (8, 1), (12, 0), (1e9, 0)]
)
def test_a_bucket_leaks_one_event_at_a_time(seconds: float, level: int) -> None:
    counted = buckets()
    for _ in range(3):
        counted.add("a", at(0))

    assert counted.level("a", at(seconds)) == level
    assert counted.level("b", at(seconds)) == 0


def test_what_leaked_is_not_counted_again_by_the_next_event() -> None:
    counted = buckets()
    for seconds in (0, 0, 5, 6):
        counted.add("a", at(seconds))

    assert counted.level("a", at(7)) == 3
    assert counted.level("a", at(8)) == 2
    assert counted.leaks_in_seconds("a", at(9)) == 3


def test_a_full_bucket_stays_full_and_says_when_the_next_event_fits_in() -> None:
    counted = buckets()
    for _ in range(CAPACITY + 7):
        counted.add("a", at(0))

    assert counted.level("a", at(1)) == CAPACITY
    assert counted.is_full("a", at(3.9))
    assert counted.leaks_in_seconds("a", at(1)) == 3
    assert not counted.is_full("a", at(4))


def test_an_event_is_taken_back_once() -> None:
    counted = buckets()
    counted.add("a", at(0))
    counted.add("a", at(1))

    counted.remove("a", at(1), at(2))

    assert counted.level("a", at(2)) == 1
    counted.remove("a", at(0), at(2))
    assert (counted.level("a", at(2)), len(counted)) == (0, 0)


def test_an_event_that_has_leaked_out_cannot_be_taken_back() -> None:
    """Whoever waits long for a right password would else be paid for it."""
    counted = buckets()
    for _ in range(3):
        counted.add("a", at(0))

    counted.remove("a", at(0), at(LEAK_SECONDS))

    assert counted.level("a", at(LEAK_SECONDS)) == 2


def test_taking_back_from_a_key_that_was_dropped_does_nothing() -> None:
    counted = buckets()

    counted.remove("a", at(0), at(1))

    assert (counted.level("a", at(1)), len(counted)) == (0, 0)


def test_a_clock_that_goes_back_fills_no_bucket() -> None:
    counted = buckets()
    counted.add("a", at(100))

    assert counted.level("a", at(0)) == 1


@given(st.lists(st.tuples(st.floats(0, 20), st.booleans()), max_size=60))
def test_no_history_lets_more_events_stay_than_fit_in_and_leak_out(
    steps: list[tuple[float, bool]],
) -> None:
    """Events that nobody took back: at most the capacity, and one more for each leak."""
    counted, now, kept = buckets(), 0.0, list[float]()
    for pause, is_harmless in steps:
        now += pause
        if counted.is_full("a", at(now)):
            assert 0 < counted.leaks_in_seconds("a", at(now)) <= LEAK_SECONDS
            continue
        counted.add("a", at(now))
        if is_harmless:
            counted.remove("a", at(now), at(now))
        else:
            kept.append(now)
        assert 0 <= counted.level("a", at(now)) <= CAPACITY
    for number, begin in enumerate(kept):
        for count, end in enumerate(kept[number:], start=1):
            assert count <= CAPACITY + 1 + (end - begin) / LEAK_SECONDS


def test_the_number_of_keys_is_bounded() -> None:
    counted = buckets(keys=80)

    for number in range(10_000):
        counted.add(f"key {number}", at(0))
        assert len(counted) <= 80


def test_a_stream_of_new_keys_frees_no_key_that_did_more() -> None:
    counted = buckets(keys=80)
    for _ in range(CAPACITY):
        counted.add("attacker", at(0))

    for number in range(1_000):
        counted.add(f"key {number}", at(1))

    assert counted.level("attacker", at(1)) == CAPACITY


def test_a_stream_of_keys_that_do_much_locks_out_no_new_key() -> None:
    counted = buckets(keys=80)
    for number in range(500):
        for _ in range(CAPACITY):
            counted.add(f"key {number}", at(0))

    assert not counted.is_full("honest", at(0))
    counted.add("honest", at(0))
    assert counted.level("honest", at(0)) == 1


def test_keys_whose_bucket_ran_empty_make_room_first() -> None:
    counted = buckets(keys=8)
    for number in range(6):
        counted.add(f"old {number}", at(0))
    counted.add("recent", at(LEAK_SECONDS))
    counted.add("recent too", at(LEAK_SECONDS))

    counted.add("new", at(LEAK_SECONDS))

    assert len(counted) == 3
