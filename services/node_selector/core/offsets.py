"""Computes how far apart two UTC offsets are, around the day.

A node's time zone is an offset such as `+05:30`, or the name of a zone, whose daylight saving
counts. A client reports its current offset. Twelve hours is the largest distance; `+13:00` and
`-11:00` show the same time.
"""

from typing import Final

DAY_MINUTES: Final = 24 * 60


def apart_minutes(one: int, other: int) -> int:
    """Return the shorter way around the clock between two offsets, 0 to 720."""
    ahead = (one - other) % DAY_MINUTES
    return min(ahead, DAY_MINUTES - ahead)


def shown(minutes: int) -> str:
    """Format an offset as `+05:30`."""
    hours, rest = divmod(abs(minutes), 60)
    return f"{'-' if minutes < 0 else '+'}{hours:02}:{rest:02}"
