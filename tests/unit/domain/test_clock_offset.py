"""What a question and its answer show of a clock, and what nothing else shows."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.domain.clock_offset import (
    ALERT_MS,
    CLOCKS_KEPT,
    LONGEST_ROUND_TRIP_SECONDS,
    STALE_SECONDS,
    SUSPECTED_SECONDS,
    ClockOffset,
    ClockOffsets,
    describe_offset,
    describe_own_clock,
    measure_offset,
)
from shared.domain.ids import Instant, NodeId, UnixMillis

ALPHA, BRAVO, BERLIN = NodeId("alpha"), NodeId("bravo"), NodeId("berlin")
RELAY, REPLICATION = (BERLIN, "relay"), (BERLIN, "replication")


def offset(ahead_ms: int, at: float = 0.0) -> ClockOffset:
    return ClockOffset(ahead_ms, 0, Instant(at))


@given(
    st.integers(-(10**9), 10**9), st.floats(0, 0.5), st.floats(0, 0.5), st.integers(10**9, 10**12)
)
def test_an_offset_is_exact_to_half_the_round_trip(
    ahead_ms: int, there: float, back: float, sent_ms: int
) -> None:
    stamp = UnixMillis(round(sent_ms + there * 1_000 + ahead_ms))
    received_ms = UnixMillis(round(sent_ms + (there + back) * 1_000))
    found = measure_offset(stamp, received_ms, Instant(5.0), Instant(5.0 + there + back))
    assert found is not None
    assert abs(found.ahead_ms - ahead_ms) <= found.error_ms + 2
    assert found.error_ms <= LONGEST_ROUND_TRIP_SECONDS * 500


@pytest.mark.parametrize("seconds", [1.001, 3.0, 10.0, 3_600.0, -0.001])
def test_an_answer_that_lasted_longer_than_a_second_shows_nothing(seconds: float) -> None:
    at = Instant(50.0)
    assert measure_offset(UnixMillis(7), UnixMillis(9), at, Instant(at + seconds)) is None


def test_our_own_time_may_be_set_while_an_answer_is_awaited() -> None:
    """The round trip is counted on the clock that nobody sets."""
    set_by = 3_600_000
    found = measure_offset(
        UnixMillis(10**9 + 50), UnixMillis(10**9 + 100 + set_by), Instant(1.0), Instant(1.1)
    )
    assert found is not None
    assert found.ahead_ms == -set_by


@pytest.mark.parametrize(
    ("ahead_ms", "is_off"), [(0, False), (ALERT_MS - 1, False), (ALERT_MS, True), (-ALERT_MS, True)]
)
def test_a_clock_is_off_from_five_seconds_on(ahead_ms: int, is_off: bool) -> None:
    assert offset(ahead_ms).is_off is is_off


def test_the_last_offset_of_a_clock_counts_and_an_old_one_not_at_all() -> None:
    clocks = ClockOffsets()
    clocks.record(RELAY, offset(40_000, 1.0))
    clocks.record(RELAY, offset(6_000, 2.0))
    found = clocks.worst(BERLIN, Instant(12.0))
    assert found is not None
    assert found.describe() == "its clock is 6 s ahead (measured 10 s ago)"
    assert clocks.worst(BERLIN, Instant(2.0 + STALE_SECONDS + 1)) is None
    assert clocks.worst(ALPHA, Instant(12.0)) is None


def test_one_process_with_another_clock_than_its_machine_is_named() -> None:
    clocks = ClockOffsets()
    clocks.record(RELAY, offset(-20_000))
    clocks.record(REPLICATION, offset(10))
    found = clocks.worst(BERLIN, Instant(3.0))
    assert found is not None
    assert found.describe() == "the clock of its relay is 20 s behind (measured 3 s ago)"


def test_what_another_process_showed_long_before_does_not_make_one_the_only_wrong_one() -> None:
    clocks = ClockOffsets()
    clocks.record(REPLICATION, offset(10, 1.0))
    clocks.record(RELAY, offset(40_000, 60.0))
    found = clocks.worst(BERLIN, Instant(60.0))
    assert found is not None
    assert found.describe() == "its clock is 40 s ahead (measured 0 s ago)"


def test_setting_our_own_clock_makes_every_offset_worthless() -> None:
    clocks = ClockOffsets()
    clocks.record(RELAY, offset(40_000))
    clocks.forget()
    assert clocks.worst(BERLIN, Instant(1.0)) is None


def test_a_clock_is_suspected_while_its_messages_come_until_it_has_answered() -> None:
    clocks = ClockOffsets()
    clocks.suspect(RELAY, Instant(1.0))
    clocks.suspect(REPLICATION, Instant(1.0))
    clocks.record(RELAY, offset(40_000, 2.0))
    clocks.suspect(RELAY, Instant(3.0))  # known to be off: that explains its messages
    assert clocks.suspected(Instant(3.0)) == {REPLICATION}
    assert clocks.suspected(Instant(1.0 + SUSPECTED_SECONDS + 1)) == frozenset()


def test_a_message_that_came_late_says_nothing_of_its_senders_clock() -> None:
    clocks = ClockOffsets()
    clocks.suspect(RELAY, Instant(1.0))
    assert clocks.worst(BERLIN, Instant(1.0)) is None


def test_invented_names_take_a_bounded_room() -> None:
    clocks = ClockOffsets()
    for number in range(CLOCKS_KEPT + 50):
        name = (NodeId(f"n{number}"), "relay")
        clocks.suspect(name, Instant(number))
        clocks.record((name[0], "config"), offset(1, number))
    now = Instant(CLOCKS_KEPT + 50)
    assert clocks.of_clock((NodeId("n0"), "config"), now) is None
    assert len(clocks.suspected(Instant(0))) == CLOCKS_KEPT


@pytest.mark.parametrize(
    ("ahead_ms", "text"),
    [
        (40_000, "40 s ahead"),
        (-7_500, "7.5 s behind"),
        (119_999, "120 s ahead"),
        (180_000, "3 min ahead"),
        (-3_600_000, "1 h 0 min behind"),
        (0, "0 s ahead"),
    ],
)
def test_an_offset_is_written_in_words(ahead_ms: int, text: str) -> None:
    assert describe_offset(ahead_ms) == text


@pytest.mark.parametrize(
    ("own", "peers", "begins"),
    [
        (BERLIN, [(ALPHA, -40_000), (BRAVO, -41_000)], "this clock is 40 s ahead of alpha's and"),
        (BERLIN, [(ALPHA, 20_000)], "this clock is 20 s behind alpha's:"),
        (BERLIN, [(ALPHA, -40_000), (BRAVO, 0)], None),
        (BERLIN, [(ALPHA, -40_000), (BRAVO, 40_000)], None),
        (BERLIN, [(ALPHA, 100), (BRAVO, -100)], None),
        (BERLIN, [], None),
        (ALPHA, [(ALPHA, -40_000), (BRAVO, 0)], "this clock is 40 s ahead of alpha's"),
        (ALPHA, [(ALPHA, 0), (BRAVO, -40_000)], "this clock is 40 s ahead of bravo's"),
    ],
)
def test_a_process_says_that_its_own_clock_is_off_when_those_it_asked_agree(
    own: NodeId, peers: list[tuple[NodeId, int]], begins: str | None
) -> None:
    reported = describe_own_clock(own, [(node, offset(ahead)) for node, ahead in peers])
    assert (reported is None) is (begins is None)
    assert begins is None or (reported or "").startswith(begins)
