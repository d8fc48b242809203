"""Decides when a change has lasted long enough to be reported.

A busy machine makes a master unable to take over for a moment, and able again in the next. Each of
these is true, and together they bury what matters. So the live status shows the moment, and events
show what lasted:

- worse is reported once it has been worse for the time that the caller gives, without a break;
- better, or as bad in another way, once that has lasted without a break for a pause that begins
  with SHORTEST_SECONDS and doubles with each report of the last MEMORY_SECONDS that was not of
  something better, up to LONGEST_SECONDS.

So one thing causes two events a minute at most in the long run, however it flips, and what stays
bad is reported at once all the same.
"""

from collections import deque
from dataclasses import dataclass, field
from typing import Final, Generic, TypeVar

from shared.domain.backoff import Backoff
from shared.domain.ids import Instant

SHORTEST_SECONDS: Final = 5.0
LONGEST_SECONDS: Final = 60.0
MEMORY_SECONDS: Final = 600.0
RECOVERY: Final = Backoff(SHORTEST_SECONDS, LONGEST_SECONDS)

State = TypeVar("State")


@dataclass
class SteadyState(Generic[State]):
    """The state of one thing as it was *reported* last; None before the first report."""

    reported: State | None = None
    _severity: int = 0
    _candidate: State | None = None
    _since: Instant = Instant(0.0)
    _worse_since: Instant | None = None
    _setbacks: deque[Instant] = field(default_factory=deque[Instant])

    def update(self, state: State, severity: int, worse_seconds: float, now: Instant) -> bool:
        """Take the *state* at *now*; say whether it is reported now, which it then is.

        *severity* is 0 for a good state and grows; a worse state has to last *worse_seconds*. The
        first state is reported at once if it is a good one.
        """
        if state != self._candidate:
            self._candidate, self._since = state, now
        if severity <= self._severity:
            self._worse_since = None
        elif self._worse_since is None:
            self._worse_since = now
        if state == self.reported or not self._has_lasted(worse_seconds, now):
            return False
        if severity and severity >= self._severity:
            self._setbacks.append(now)
        self.reported, self._severity, self._worse_since = state, severity, None
        return True

    def interrupt(self) -> None:
        """Note that nothing is known now: whatever comes next has lasted for no time."""
        self._candidate = self._worse_since = None

    def _has_lasted(self, worse_seconds: float, now: Instant) -> bool:
        """Say whether the candidate lasted: as itself, or as one of several that are worse."""
        if self._worse_since is not None:
            return now - self._worse_since >= worse_seconds
        if self.reported is None:
            return True
        while self._setbacks and now - self._setbacks[0] >= MEMORY_SECONDS:
            self._setbacks.popleft()
        return now - self._since >= RECOVERY.pause_seconds(len(self._setbacks))
