"""The history checker: against histories that are known, and against every order tried out."""

import itertools
from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.system.chaos.history import Operation, faults


def write(value: str, begin: float, end: float | None) -> Operation:
    return Operation("x", value, begin, end, is_write=True)


def read(value: str, begin: float, end: float) -> Operation:
    return Operation("x", value, begin, end, is_write=False)


@pytest.mark.parametrize(
    "history",
    [
        [],
        [write("a", 0, 1), read("a", 2, 3)],
        [write("a", 0, 1), write("b", 2, 3), read("b", 4, 5)],
        [write("a", 0, 5), read("a", 1, 2)],
        [write("a", 0, 1), write("b", 2, 6), read("a", 3, 4), read("b", 4.5, 5)],
        [write("a", 0, 1), write("b", 2, None), read("a", 3, 4)],
        [write("a", 0, 1), write("b", 2, None), read("a", 3, 4), read("b", 5, 6)],
        [write("a", 0, 10), write("b", 0, 10), read("b", 11, 12)],
        [write("a", 0, 1), write("b", 0.5, 3), write("c", 0.5, 4), read("a", 5, 6)][:3],
    ],
)
def test_what_one_machine_could_have_answered_is_no_fault(history: list[Operation]) -> None:
    assert faults(history) == []


@pytest.mark.parametrize(
    ("history", "fault"),
    [
        ([write("a", 0, 1), read("b", 2, 3)], "nobody wrote it"),
        ([read("a", 0, 1), write("a", 2, 3)], "before it was written"),
        ([write("a", 0, 1), write("b", 2, 3), read("a", 4, 5)], "came and went"),
        ([write("a", 0, 1), write("b", 2, None), read("b", 3, 4), read("a", 5, 6)], "came and"),
        (
            [
                *(write("a", 0, 1), write("b", 0, 1)),
                *(read("a", 2, 3), read("b", 4, 5), read("a", 6, 7)),
            ],
            "was there while",
        ),
    ],
    ids=["unwritten", "early", "lost", "unknown then lost", "back and forth"],
)
def test_what_no_machine_could_have_answered_is_reported(
    history: list[Operation], fault: str
) -> None:
    (found,) = faults(history)
    assert found.startswith("x: ")
    assert fault in found


def test_registers_are_checked_apart() -> None:
    other = Operation("y", "a", 4, 5, is_write=False)
    assert faults([write("a", 0, 1), other]) == ["y: a was read and nobody wrote it"]


def _some_order_explains(history: Sequence[Operation]) -> bool:
    """Try every order of the operations, with each subset of the unanswered writes."""
    sure = [each for each in history if each.end is not None]
    open_ended = [each for each in history if each.end is None]
    for count in range(len(open_ended) + 1):
        for chosen in itertools.combinations(open_ended, count):
            if any(_explains(order) for order in itertools.permutations([*sure, *chosen])):
                return True
    return False


def _explains(order: Sequence[Operation]) -> bool:
    value = ""
    for number, each in enumerate(order):
        if any(later.end is not None and later.end < each.begin for later in order[number + 1 :]):
            return False
        if each.is_write:
            value = each.value
        elif each.value != value:
            return False
    return True


@st.composite
def _histories(draw: st.DrawFn) -> list[Operation]:
    moments = st.integers(0, 12)
    values = ["a", "b", "c"][: draw(st.integers(1, 3))]
    found = list[Operation]()
    for value in values:
        begin, last = sorted((draw(moments), draw(moments)))
        found.append(write(value, begin, draw(st.sampled_from([last + 0.5, None]))))
    for _ in range(draw(st.integers(0, 3))):
        begin, last = sorted((draw(moments), draw(moments)))
        found.append(read(draw(st.sampled_from(values)), begin + 0.25, last + 0.75))
    return found


@given(_histories())
def test_it_agrees_with_trying_every_order(history: list[Operation]) -> None:
    assert (faults(history) == []) == _some_order_explains(history)
