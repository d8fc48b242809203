from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.node_selector.core.offsets import apart_minutes, shown
from shared.domain.ids import UnixMillis
from shared.domain.timezone import offset_minutes

OFFSETS = st.integers(-14 * 60, 14 * 60)


def at(*moment: int) -> UnixMillis:
    year, month, day, *rest = moment
    hour = rest[0] if rest else 0
    return UnixMillis(round(datetime(year, month, day, hour, tzinfo=UTC).timestamp() * 1_000))


@pytest.mark.parametrize(
    ("timezone", "minutes"),
    [("+00:00", 0), ("+05:30", 330), ("-03:30", -210), ("+14:00", 840), ("-11:00", -660)],
)
def test_an_offset_is_what_it_says_all_year(timezone: str, minutes: int) -> None:
    assert offset_minutes(timezone, at(2026, 1, 15)) == minutes
    assert offset_minutes(timezone, at(2026, 7, 15)) == minutes


@pytest.mark.parametrize(
    ("timezone", "winter", "summer"),
    [
        ("Europe/Berlin", 60, 120),
        ("America/New_York", -300, -240),
        ("Asia/Kolkata", 330, 330),
        ("Australia/Lord_Howe", 630, 660),
    ],
)
def test_a_zone_keeps_its_own_summer(timezone: str, winter: int, summer: int) -> None:
    january, july = (winter, summer) if "Australia" not in timezone else (summer, winter)
    assert offset_minutes(timezone, at(2026, 1, 15)) == january
    assert offset_minutes(timezone, at(2026, 7, 15)) == july


def test_a_zone_changes_its_offset_in_the_hour_that_it_says() -> None:
    assert offset_minutes("Europe/Berlin", at(2026, 3, 29, 0)) == 60
    assert offset_minutes("Europe/Berlin", at(2026, 3, 29, 1)) == 120


@pytest.mark.parametrize(
    ("one", "other", "minutes"),
    [
        (60, 60, 0),
        (-300, 60, 360),
        (780, -660, 0),
        (720, -720, 0),
        (840, -720, 120),
        (540, -480, 420),
        (0, 720, 720),
    ],
)
def test_the_shorter_way_around_the_clock_counts(one: int, other: int, minutes: int) -> None:
    assert apart_minutes(one, other) == minutes


@given(OFFSETS, OFFSETS, OFFSETS)
def test_it_is_a_distance(one: int, other: int, third: int) -> None:
    assert 0 <= apart_minutes(one, other) == apart_minutes(other, one) <= 720
    assert apart_minutes(one, one) == 0
    assert apart_minutes(one, third) <= apart_minutes(one, other) + apart_minutes(other, third)


@pytest.mark.parametrize(("minutes", "text"), [(0, "+00:00"), (-210, "-03:30"), (345, "+05:45")])
def test_it_is_shown_as_people_write_it(minutes: int, text: str) -> None:
    assert shown(minutes) == text
