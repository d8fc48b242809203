import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.relay.core.admission import ConnectionId
from services.relay.core.probing import (
    MOST_PROBING_CONNECTIONS,
    PINGS_PER_CONNECTION,
    PINGS_PER_SECOND,
    PROBE_SECONDS,
    Probing,
)
from shared.domain.ids import Instant
from shared.wire.relay import RefusalCode

ONE = ConnectionId(1)


def at(seconds: float) -> Instant:
    return Instant(seconds)


def test_as_many_pings_as_a_connection_has_are_answered() -> None:
    probing = Probing()
    assert probing.begin(ONE, at(0)) is None
    assert probing.count(ONE, PINGS_PER_CONNECTION - 1, at(0)) is None
    assert probing.count(ONE, 1, at(1)) is None
    refusal = probing.count(ONE, 1, at(2))
    assert refusal is not None
    assert (refusal.code, refusal.retry_after_seconds) == (RefusalCode.TOO_MANY_PINGS, 1)


def test_all_connections_together_have_so_many_pings_in_a_second() -> None:
    probing = Probing()
    connections = PINGS_PER_SECOND // PINGS_PER_CONNECTION
    for number in range(connections):
        probing.begin(ConnectionId(number), at(5))
        assert probing.count(ConnectionId(number), PINGS_PER_CONNECTION, at(5.9)) is None
        probing.forget(ConnectionId(number))
    last = ConnectionId(connections)
    probing.begin(last, at(5.9))
    refusal = probing.count(last, 1, at(5.9))
    assert refusal is not None
    assert "too often" in refusal.message
    assert probing.count(last, 1, at(6.9)) is None


def test_a_connection_too_many_ends_nobody_else() -> None:
    probing = Probing()
    for number in range(MOST_PROBING_CONNECTIONS):
        assert probing.begin(ConnectionId(number), at(0)) is None
    refusal = probing.begin(ConnectionId(MOST_PROBING_CONNECTIONS), at(0))
    assert refusal is not None
    assert "too many connections" in refusal.message
    assert ConnectionId(MOST_PROBING_CONNECTIONS) not in probing
    assert len(probing) == MOST_PROBING_CONNECTIONS
    probing.forget(ONE)
    assert probing.begin(ConnectionId(MOST_PROBING_CONNECTIONS), at(0)) is None


def test_whose_time_is_over_first_sets_the_deadline() -> None:
    probing = Probing()
    assert probing.deadline() is None
    probing.begin(ONE, at(1))
    probing.begin(ConnectionId(2), at(3))
    assert probing.deadline() == 1 + PROBE_SECONDS
    assert probing.expired(at(0.9 + PROBE_SECONDS)) == []
    assert probing.expired(at(1 + PROBE_SECONDS)) == [ONE]
    assert probing.expired(at(3 + PROBE_SECONDS)) == [ONE, ConnectionId(2)]


def test_forgetting_says_whether_there_was_somebody() -> None:
    probing = Probing()
    probing.begin(ONE, at(0))
    assert probing.forget(ONE)
    assert not probing.forget(ONE)


@given(st.lists(st.tuples(st.integers(0, 5), st.integers(1, 4)), max_size=60))
def test_no_connection_is_ever_answered_more_often_than_it_may(
    asked: list[tuple[int, int]],
) -> None:
    probing, answered = Probing(), dict[int, int]()
    for number in range(6):
        probing.begin(ConnectionId(number), at(0))
    for number, pings in asked:
        if probing.count(ConnectionId(number), pings, at(0)) is None:
            answered[number] = answered.get(number, 0) + pings
    assert all(count <= PINGS_PER_CONNECTION for count in answered.values())


@pytest.mark.parametrize("pings", [1, PINGS_PER_CONNECTION])
def test_a_refused_ping_still_counts(pings: int) -> None:
    probing = Probing()
    probing.begin(ONE, at(0))
    assert probing.count(ONE, PINGS_PER_CONNECTION + 1, at(0)) is not None
    assert probing.count(ONE, pings, at(0)) is not None
