import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.relay.core.limits import SMALLEST_BURST_BYTES, IdleWatch, TokenBucket, stricter_limits
from shared.domain.ids import Instant
from shared.domain.ticket import TicketLimits


@given(
    st.integers(1, 10_000_000),
    st.lists(st.tuples(st.floats(0, 2), st.floats(0, 1)), max_size=40),
)
def test_a_path_never_carries_more_than_its_rate_and_one_burst(
    rate: int, steps: list[tuple[float, float]]
) -> None:
    limit = TokenBucket(rate, Instant(0))
    now, carried = 0.0, 0
    for seconds, share in steps:
        now += seconds
        count = int(limit.available(Instant(now)) * share)
        limit.spend(count)
        carried += count
    assert carried <= max(rate / 4, SMALLEST_BURST_BYTES) + rate * now + 1


def test_a_path_without_tokens_may_read_again_after_its_pause() -> None:
    limit = TokenBucket(100_000, Instant(0))
    limit.spend(limit.available(Instant(0)))
    assert limit.available(Instant(0)) == 0
    pause = limit.pause_seconds()
    assert pause == pytest.approx(0.05)
    assert limit.available(Instant(pause)) == pytest.approx(5_000, abs=1)


def test_a_slow_path_sleeps_until_it_has_a_whole_byte() -> None:
    limit = TokenBucket(2, Instant(0))
    limit.spend(limit.available(Instant(0)))
    assert limit.pause_seconds() == pytest.approx(0.5)


def test_reading_more_than_allowed_is_noticed() -> None:
    limit = TokenBucket(1_000, Instant(0))
    with pytest.raises(AssertionError, match="more was read"):
        limit.spend(limit.available(Instant(0)) + 2)


@pytest.mark.parametrize(
    ("one", "other", "result"),
    [((0, 0), (0, 0), (0, 0)), ((5, 0), (0, 7), (5, 7)), ((5, 9), (3, 12), (3, 9))],
)
def test_the_stricter_limit_of_both_tickets_holds_and_zero_is_none(
    one: tuple[int, int], other: tuple[int, int], result: tuple[int, int]
) -> None:
    assert stricter_limits(TicketLimits(*one), TicketLimits(*other)) == TicketLimits(*result)
    assert stricter_limits(TicketLimits(*other), TicketLimits(*one)) == TicketLimits(*result)


def test_a_path_is_idle_when_its_count_stands_still_for_long_enough() -> None:
    watch = IdleWatch(8, Instant(100))
    assert watch.check_every_seconds == 2
    assert not watch.has_been_idle(10, Instant(102))
    assert not watch.has_been_idle(10, Instant(109.9))
    assert watch.has_been_idle(10, Instant(110))


def test_every_byte_starts_the_silence_anew() -> None:
    watch = IdleWatch(8, Instant(0))
    assert not watch.has_been_idle(1, Instant(7))
    assert not watch.has_been_idle(2, Instant(14))
    assert not watch.has_been_idle(2, Instant(21))
    assert watch.has_been_idle(2, Instant(22))


def test_a_path_that_never_carried_anything_is_idle_too() -> None:
    assert IdleWatch(8, Instant(0)).has_been_idle(0, Instant(8))


def test_a_long_silence_saves_up_no_more_than_one_burst() -> None:
    limit = TokenBucket(100_000, Instant(0))
    assert limit.available(Instant(3_600)) == 25_000
