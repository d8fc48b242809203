import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.relay.core.admission import GuestId
from services.relay.core.probing import (
    PINGS_PER_GUEST,
    PINGS_PER_SECOND,
    PROBE_SECONDS,
    PROBING_GUESTS,
    Probing,
)
from shared.domain.ids import Instant
from shared.wire.relay import RefusalCode

ONE = GuestId(1)


def at(seconds: float) -> Instant:
    return Instant(seconds)


def test_as_many_pings_as_a_guest_has_are_answered() -> None:
    probing = Probing()
    assert probing.begin(ONE, at(0)) is None
    assert probing.count(ONE, PINGS_PER_GUEST - 1, at(0)) is None
    assert probing.count(ONE, 1, at(1)) is None
    refusal = probing.count(ONE, 1, at(2))
    assert refusal is not None
    assert (refusal.code, refusal.retry_after_seconds) == (RefusalCode.TOO_MANY_PINGS, 1)


def test_all_guests_together_have_so_many_pings_in_a_second() -> None:
    probing = Probing()
    guests = PINGS_PER_SECOND // PINGS_PER_GUEST
    for number in range(guests):
        probing.begin(GuestId(number), at(5))
        assert probing.count(GuestId(number), PINGS_PER_GUEST, at(5.9)) is None
        probing.forget(GuestId(number))
    last = GuestId(guests)
    probing.begin(last, at(5.9))
    refusal = probing.count(last, 1, at(5.9))
    assert refusal is not None
    assert "too often" in refusal.message
    assert probing.count(last, 1, at(6.9)) is None


def test_a_guest_too_many_makes_nobody_else_leave() -> None:
    probing = Probing()
    for number in range(PROBING_GUESTS):
        assert probing.begin(GuestId(number), at(0)) is None
    refusal = probing.begin(GuestId(PROBING_GUESTS), at(0))
    assert refusal is not None
    assert "too many connections" in refusal.message
    assert GuestId(PROBING_GUESTS) not in probing
    assert len(probing) == PROBING_GUESTS
    probing.forget(ONE)
    assert probing.begin(GuestId(PROBING_GUESTS), at(0)) is None


def test_whose_time_is_over_first_sets_the_deadline() -> None:
    probing = Probing()
    assert probing.deadline() is None
    probing.begin(ONE, at(1))
    probing.begin(GuestId(2), at(3))
    assert probing.deadline() == 1 + PROBE_SECONDS
    assert probing.late(at(0.9 + PROBE_SECONDS)) == []
    assert probing.late(at(1 + PROBE_SECONDS)) == [ONE]
    assert probing.late(at(3 + PROBE_SECONDS)) == [ONE, GuestId(2)]


def test_forgetting_says_whether_there_was_somebody() -> None:
    probing = Probing()
    probing.begin(ONE, at(0))
    assert probing.forget(ONE)
    assert not probing.forget(ONE)


@given(st.lists(st.tuples(st.integers(0, 5), st.integers(1, 4)), max_size=60))
def test_no_guest_is_ever_answered_more_often_than_it_may(
    asked: list[tuple[int, int]],
) -> None:
    probing, answered = Probing(), dict[int, int]()
    for number in range(6):
        probing.begin(GuestId(number), at(0))
    for number, pings in asked:
        if probing.count(GuestId(number), pings, at(0)) is None:
            answered[number] = answered.get(number, 0) + pings
    assert all(count <= PINGS_PER_GUEST for count in answered.values())


@pytest.mark.parametrize("pings", [1, PINGS_PER_GUEST])
def test_a_refused_ping_still_counts(pings: int) -> None:
    probing = Probing()
    probing.begin(ONE, at(0))
    assert probing.count(ONE, PINGS_PER_GUEST + 1, at(0)) is not None
    assert probing.count(ONE, pings, at(0)) is not None
