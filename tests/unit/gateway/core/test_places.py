from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.gateway.core.places import Places


def places_of(places: Places, holder: str) -> int:
    """Take places for *holder* until one is refused; return how many it got."""
    count = 0
    while places.take(holder):
        count += 1
    return count


def test_one_holder_gets_a_fifth_of_the_places() -> None:
    assert places_of(Places(128), "a") == 26


def test_the_more_holders_there_are_the_less_each_of_them_gets() -> None:
    places = Places(128)
    holders = [f"holder {number}" for number in range(28)]

    rounds = [[places.take(holder) for holder in holders] for _ in range(10)]

    assert [each.count(True) for each in rounds] == [28] * 4 + [0] * 6
    assert places.take("somebody new")


def test_a_holder_without_a_place_gets_the_last_one() -> None:
    places = Places(8)
    for number in range(7):
        assert places.take(f"holder {number}")

    assert not places.take("holder 0")
    assert places.take("somebody new")
    assert not places.take("somebody else")


def test_a_place_that_is_given_back_is_free() -> None:
    places = Places(1)
    assert places.take("a")
    places.give_back("a")

    assert places.take("b")


def test_only_a_holder_gives_a_place_back() -> None:
    with pytest.raises(AssertionError, match="only what was taken"):
        Places(1).give_back("a")


@given(st.lists(st.tuples(st.integers(0, 5), st.booleans()), max_size=80))
def test_no_history_fills_more_places_than_there_are(steps: list[tuple[int, bool]]) -> None:
    places, held = Places(12), Counter[int]()
    for holder, does_take in steps:
        if does_take:
            free = 12 - held.total()
            assert places.take(f"{holder}") is (free > 4 * held[holder])
            held[holder] += free > 4 * held[holder]
        elif held[holder]:
            places.give_back(f"{holder}")
            held[holder] -= 1
        assert 0 <= held.total() <= 12
