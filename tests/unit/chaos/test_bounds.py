"""The bound on how long no change is accepted: what keeps it, and what does not."""

import pytest

from tests.system.chaos.bounds import Trouble, late

TROUBLE = Trouble("disk full alpha", 100.0, 130.0)


@pytest.mark.parametrize(
    "accepted",
    [
        [90.0, 104.0, 114.0, 124.0],
        [124.0, 104.0, 114.0],
        [110.0, 120.0],
        [110.0, 120.0, 129.9, 150.0],
    ],
    ids=["steadily", "in any order", "at the very bound", "after the next trouble too"],
)
def test_pauses_within_the_bound_are_no_fault(accepted: list[float]) -> None:
    assert late([TROUBLE], accepted, 10.0) == []


@pytest.mark.parametrize(
    ("accepted", "seconds"),
    [
        ([], "30.0"),
        ([99.0], "30.0"),
        ([101.0, 112.0, 122.0], "11.0"),
        ([110.5, 120.0], "10.5"),
        ([110.0, 119.0], "11.0"),
        ([110.0, 119.0, 131.0], "11.0"),
    ],
    ids=["none", "only before", "in the middle", "at first", "at last", "and after it"],
)
def test_a_pause_beyond_the_bound_is_named_with_its_trouble(
    accepted: list[float], seconds: str
) -> None:
    assert late([TROUBLE], accepted, 10.0) == [
        f"disk full alpha: no change was accepted for {seconds} s"
    ]


def test_each_trouble_counts_by_itself() -> None:
    later = Trouble("lock bravo", 130.0, 145.0)
    assert late([TROUBLE, later], [110.0, 120.0, 130.0], 10.0) == [
        "lock bravo: no change was accepted for 15.0 s"
    ]
