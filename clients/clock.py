"""The clocks of a client: one that also counts while the machine sleeps, and the time of day."""

import time
from datetime import UTC, datetime

from shared.domain.ids import Instant

_CLOCK = getattr(time, "CLOCK_BOOTTIME", time.CLOCK_MONOTONIC)


def now() -> Instant:
    """Return seconds that count on while the machine sleeps, so that a woken end notices it."""
    return Instant(time.clock_gettime(_CLOCK))


def wall() -> datetime:
    """The time of day, to compare with times that other machines recorded."""
    return datetime.fromtimestamp(time.clock_gettime(time.CLOCK_REALTIME), UTC)


def wall_unix_ms() -> int:
    """The time of day in milliseconds since 1970."""
    return time.clock_gettime_ns(time.CLOCK_REALTIME) // 1_000_000
