"""Decides whether bytes move fast enough: those of a body that comes, and of an answer that goes.

A mean over the whole transfer would let a fast begin pay for a standstill later. Here each window
of time stands for itself: it is over when enough bytes have moved, and too late when they have not.
"""

from services.gateway.acceptor.core.limits import PaceRule
from shared.domain.ids import Instant


class Pace:
    """The bytes that have moved in the present window of a transfer."""

    __slots__ = ("_began", "_moved", "_rule")

    def __init__(self, rule: PaceRule, now: Instant) -> None:
        self._rule = rule
        self._began = now
        self._moved = 0

    def add(self, size: int, now: Instant) -> None:
        """Count *size* bytes that moved; enough of them begin the next window."""
        self._moved += size
        if self._moved >= self._rule.least_bytes:
            self._moved = 0
            self._began = now

    def postpone(self, seconds: float) -> None:
        """Give *seconds* more, in which the other side could move nothing."""
        self._began = Instant(self._began + seconds)

    def deadline(self) -> Instant:
        """Return when the present window is too late."""
        return Instant(self._began + self._rule.seconds)


class AnswerPace:
    """Notices a client that does not read its answers: from time to time it is shown the buffer."""

    __slots__ = ("_pace", "_rule", "_taken")

    def __init__(self, rule: PaceRule) -> None:
        self._rule = rule
        self._pace: Pace | None = None
        self._taken = 0

    def is_too_slow(self, written: int, waiting: int, now: Instant) -> bool:
        """Judge a connection to which *written* bytes were sent; *waiting* of them are still here.

        The kernel's own buffer is no part of *waiting*: it is bounded.
        """
        taken = written - waiting
        if waiting == 0:
            self._pace = None
        elif self._pace is None:
            self._pace = Pace(self._rule, now)
        else:
            self._pace.add(max(0, taken - self._taken), now)
        self._taken = taken
        return self._pace is not None and now >= self._pace.deadline()
