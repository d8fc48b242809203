"""What is narrated of a session's lifetime, and when."""

import asyncio
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from clients.session.lifetime import Lifetime, LifetimeNews, format_span
from shared.api.sessions import SessionCredentials
from shared.domain.ids import SessionId
from tests.fakes.virtual_time import pause, run

START = datetime(2030, 5, 4, 12, 0, tzinfo=UTC)


def narrated(lifetime_seconds: float, listening_seconds: float, slept: float = 0) -> list[Any]:
    """What is narrated in *listening_seconds*; the machine sleeps for *slept* after 10 of them."""
    events = list[Any]()

    async def scenario() -> None:
        loop = asyncio.get_running_loop()
        begun = loop.time()

        def clock() -> datetime:
            passed = loop.time() - begun
            return START + timedelta(seconds=passed + (slept if passed > 10 else 0))

        def narrate(event: str, **fields: Any) -> None:
            events.append((event, fields["seconds_left"]))

        lifetime = Lifetime(START + timedelta(seconds=lifetime_seconds))
        async with LifetimeNews(lifetime, narrate, clock).running():
            await pause(listening_seconds)

    run(scenario())
    return events


@pytest.mark.parametrize(
    ("lifetime", "events"),
    [
        (8 * 3600, [("lifetime", 28_800), ("ends_soon", 300), ("ends_soon", 60)]),
        (301, [("lifetime", 301), ("ends_soon", 300), ("ends_soon", 60)]),
        (300, [("lifetime", 300), ("ends_soon", 60)]),
        (60, [("lifetime", 60)]),
        (0, [("lifetime", 0)]),
        (-5, [("lifetime", 0)]),
    ],
)
def test_the_end_is_narrated_at_once_and_five_minutes_and_one_before(
    lifetime: float, events: list[Any]
) -> None:
    assert narrated(lifetime, 9 * 3600) == events


def test_a_machine_that_slept_over_the_warnings_is_warned_once() -> None:
    assert narrated(3600, 30, slept=3560) == [("lifetime", 3600), ("ends_soon", 25)]


def test_a_command_that_ends_says_no_more() -> None:
    assert narrated(3600, 100) == [("lifetime", 3600)]


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (0, "0 s"),
        (59, "59 s"),
        (60, "1 min"),
        (300, "5 min"),
        (3_601, "1 h"),
        (5_400, "1 h 30 min"),
        (28_800, "8 h"),
        (90_061, "1 d 1 h"),
    ],
)
def test_a_span_has_its_two_largest_units(seconds: int, text: str) -> None:
    assert format_span(seconds) == text


def test_the_end_is_a_time_of_day_and_has_its_date_unless_that_is_today() -> None:
    today = START.astimezone().replace(hour=1, minute=5)
    assert Lifetime(today).format_end(today) == "01:05"
    assert Lifetime(today + timedelta(days=1)).format_end(today).endswith("-05-05 01:05")


@pytest.mark.parametrize(("unix_ms", "year"), [(-(10**30), 1970), (0, 1970), (10**30, 9892)])
def test_no_number_of_a_site_is_too_large_for_a_date(unix_ms: int, year: int) -> None:
    assert Lifetime.until(unix_ms).ends_at.year == year


def test_the_lifetime_is_counted_by_the_clock_of_this_end_however_wrong_it_is() -> None:
    credentials = SessionCredentials(
        session=SessionId("1"), endpoint_token="t", expires_unix_ms=10**12, seconds_left=90.0
    )
    assert credentials.by_clock(5_000).expires_unix_ms == 95_000
    known = credentials.by_clock(5_000)
    assert known.by_clock(77_000) == known, "only once"
