"""Decides how fast one path may go and how long it may be silent, by the limits of its tickets.

The rate is a token bucket (as in RFC 2697, one bucket): tokens grow with time up to a burst, each
byte costs one, and a path without tokens is simply not read, so that back-pressure reaches the
sender. Both directions of a path draw from one bucket.
"""

from typing import Final

from shared.domain.ids import Instant
from shared.domain.ticket import TicketLimits

BURST_SECONDS: Final = 0.25
SMALLEST_BURST_BYTES: Final = 4_096
REFILL_SECONDS: Final = 0.05
"""A path out of tokens sleeps at least this long: fewer, larger reads."""


class TokenBucket:
    """The tokens of one path."""

    def __init__(self, bytes_per_second: int, now: Instant) -> None:
        assert bytes_per_second > 0, "a path without a limit has no bucket"
        self._rate = bytes_per_second
        self._burst = max(bytes_per_second * BURST_SECONDS, SMALLEST_BURST_BYTES)
        self._tokens = self._burst
        self._at = now

    def available(self, now: Instant) -> int:
        """Return how many bytes may be read at *now*."""
        self._tokens = min(self._burst, self._tokens + (now - self._at) * self._rate)
        self._at = now
        return int(self._tokens)

    def spend(self, count: int) -> None:
        """Account for *count* bytes that were read."""
        self._tokens -= count
        assert self._tokens > -1, "more was read than the limit allowed"

    def pause_seconds(self) -> float:
        """Return how long to wait until reading is worth while again."""
        return max(REFILL_SECONDS, (1 - self._tokens) / self._rate)


class IdleWatch:
    """Notices that a path carried nothing for *idle_seconds*, from its byte count."""

    def __init__(self, idle_seconds: float, now: Instant) -> None:
        assert idle_seconds > 0, "a path without an idle limit is not watched"
        self._idle = idle_seconds
        self._carried = 0
        self._changed = now

    @property
    def check_every_seconds(self) -> float:
        """Return how often to check: silence is noticed at most a quarter of the limit late."""
        return self._idle / 4

    def has_been_idle(self, carried: int, now: Instant) -> bool:
        """Say whether *carried* bytes, read at *now*, are as many as *idle_seconds* ago."""
        if carried != self._carried:
            self._carried, self._changed = carried, now
        return now - self._changed >= self._idle


def stricter_limits(one: TicketLimits, other: TicketLimits) -> TicketLimits:
    """Return the limits of a path whose ends hold tickets with *one* and *other*; 0 is no limit."""
    return TicketLimits(
        bytes_per_second=_least(one.bytes_per_second, other.bytes_per_second),
        idle_seconds=_least(one.idle_seconds, other.idle_seconds),
    )


def _least(one: int, other: int) -> int:
    return min(one, other) if one and other else one or other
