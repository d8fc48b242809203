"""The clock of an endpoint: it counts while the machine sleeps, so a woken end knows of it."""

import time
from datetime import UTC, datetime

from shared.domain.ids import Instant

_CLOCK = getattr(time, "CLOCK_BOOTTIME", time.CLOCK_MONOTONIC)


def now() -> Instant:
    return Instant(time.clock_gettime(_CLOCK))


def wall() -> datetime:
    """The time of day, for what others stamped with theirs."""
    return datetime.fromtimestamp(time.clock_gettime(time.CLOCK_REALTIME), UTC)
