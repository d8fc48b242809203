"""Reckons how far apart two clocks on the wall are, around the day.

A node's time zone is an offset such as `+05:30`, or the name of a zone whose daylight saving is
followed by itself. A client says its offset of now. Twelve hours is the farthest that two places
can be from each other; `+13:00` and `-11:00` show the same time.
"""

from datetime import UTC, datetime, timedelta
from typing import Final
from zoneinfo import ZoneInfo

from shared.domain.ids import UnixMillis

DAY_MINUTES: Final = 24 * 60
EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)


def offset_minutes(timezone: str, at: UnixMillis) -> int:
    """Minutes that clocks in *timezone* are ahead of UTC at that moment."""
    if timezone[0] in "+-":
        hours, _, minutes = timezone[1:].partition(":")
        ahead = int(hours) * 60 + int(minutes)
        return -ahead if timezone[0] == "-" else ahead
    there = (EPOCH + timedelta(milliseconds=at)).astimezone(ZoneInfo(timezone))
    ahead_by = there.utcoffset()
    assert ahead_by is not None, "a time with a zone has an offset"
    return round(ahead_by / timedelta(minutes=1))


def apart_minutes(one: int, other: int) -> int:
    """The shorter way around the clock between two offsets, 0 to 720."""
    ahead = (one - other) % DAY_MINUTES
    return min(ahead, DAY_MINUTES - ahead)


def shown(minutes: int) -> str:
    """An offset as people write it."""
    hours, rest = divmod(abs(minutes), 60)
    return f"{'-' if minutes < 0 else '+'}{hours:02}:{rest:02}"
