import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.relay.core.admission import ConnectionId
from services.relay.core.probing import (
    PINGS_PER_CONNECTION,
    PINGS_PER_SECOND,
    PINGS_PER_SECOND_OF_SOURCE,
    PROBING,
    Probing,
)
from shared.domain.ids import Instant
from shared.wire.relay import RefusalCode

ONE = ConnectionId(1)
HERE = "192.0.2.1"


def at(seconds: float) -> Instant:
    return Instant(seconds)


def test_as_many_pings_as_a_connection_has_are_answered() -> None:
    probing = Probing()
    assert probing.begin(ONE, HERE, at(0)) is None
    assert probing.count(ONE, PINGS_PER_CONNECTION - 1, at(0)) is None
    assert probing.count(ONE, 1, at(1)) is None
    refusal = probing.count(ONE, 1, at(2))
    assert refusal is not None
    assert (refusal.code, refusal.retry_after_seconds) == (RefusalCode.TOO_MANY_PINGS, 1)


def answered_in_one_second(sources: list[str]) -> tuple[int, str]:
    """Ping from *sources* in turn until one is refused; the answered pings and the last refusal."""
    probing, answered = Probing(), 0
    for number in range(PINGS_PER_SECOND):
        connection = ConnectionId(number)
        probing.begin(connection, sources[number % len(sources)], at(5))
        refusal = probing.count(connection, PINGS_PER_CONNECTION, at(5.9))
        probing.forget(connection)
        if refusal is not None:
            return answered, refusal.message
        answered += PINGS_PER_CONNECTION
    raise AssertionError("pings have no bound")


def test_one_source_has_so_many_pings_in_a_second_and_leaves_some_to_others() -> None:
    answered, message = answered_in_one_second([HERE])
    assert answered > PINGS_PER_SECOND_OF_SOURCE - PINGS_PER_CONNECTION
    assert answered <= PINGS_PER_SECOND_OF_SOURCE < PINGS_PER_SECOND
    assert "your network measures" in message


def test_all_sources_together_have_so_many_pings_in_a_second() -> None:
    answered, message = answered_in_one_second([f"192.0.2.{number}" for number in range(9)])
    assert answered == PINGS_PER_SECOND
    assert "this node is measured too often" in message


def test_the_next_second_s_pings_are_counted_anew() -> None:
    probing = Probing()
    for number in range(PINGS_PER_SECOND_OF_SOURCE // PINGS_PER_CONNECTION):
        probing.begin(ConnectionId(number), HERE, at(5))
        assert probing.count(ConnectionId(number), PINGS_PER_CONNECTION, at(5)) is None
    last = ConnectionId(PINGS_PER_SECOND)
    probing.begin(last, HERE, at(5))
    assert probing.count(last, PINGS_PER_CONNECTION - 1, at(5.9)) is not None
    probing.begin(ConnectionId(PINGS_PER_SECOND + 1), HERE, at(6))
    assert probing.count(ConnectionId(PINGS_PER_SECOND + 1), 1, at(6)) is None


def test_a_connection_too_many_ends_the_oldest_of_the_source_that_measures_most() -> None:
    probing = Probing()
    probing.begin(ConnectionId(0), "198.51.100.1", at(0))
    for number in range(1, PROBING.total):
        source = f"192.0.2.{number % 2}"
        assert probing.begin(ConnectionId(number), source, at(0)) is None
    loser = probing.begin(ConnectionId(PROBING.total), "198.51.100.1", at(0))
    assert loser == ConnectionId(1)
    assert ConnectionId(1) not in probing
    assert ConnectionId(0) in probing
    assert len(probing) == PROBING.total


def test_whose_time_is_over_first_sets_the_deadline() -> None:
    probing = Probing()
    assert probing.deadline() is None
    probing.begin(ONE, HERE, at(1))
    probing.begin(ConnectionId(2), HERE, at(3))
    assert probing.deadline() == 1 + PROBING.seconds
    assert probing.expired(at(0.9 + PROBING.seconds)) == []
    assert probing.expired(at(1 + PROBING.seconds)) == [ONE]
    assert probing.expired(at(3 + PROBING.seconds)) == [ONE, ConnectionId(2)]


def test_forgetting_says_whether_there_was_somebody() -> None:
    probing = Probing()
    probing.begin(ONE, HERE, at(0))
    assert probing.forget(ONE)
    assert not probing.forget(ONE)


@given(st.lists(st.tuples(st.integers(0, 5), st.integers(1, 4)), max_size=60))
def test_no_connection_is_ever_answered_more_often_than_it_may(
    asked: list[tuple[int, int]],
) -> None:
    probing, answered = Probing(), dict[int, int]()
    for number in range(6):
        probing.begin(ConnectionId(number), HERE, at(0))
    for number, pings in asked:
        if probing.count(ConnectionId(number), pings, at(0)) is None:
            answered[number] = answered.get(number, 0) + pings
    assert all(count <= PINGS_PER_CONNECTION for count in answered.values())


@pytest.mark.parametrize("pings", [1, PINGS_PER_CONNECTION])
def test_a_refused_ping_still_counts(pings: int) -> None:
    probing = Probing()
    probing.begin(ONE, HERE, at(0))
    assert probing.count(ONE, PINGS_PER_CONNECTION + 1, at(0)) is not None
    assert probing.count(ONE, pings, at(0)) is not None
