"""How a call to the bucket fares: it is lost, late, repeated, or lands when nobody waits any more.

In still weather it is done at once, and nothing has to wait for anything.
"""

from collections.abc import Callable
from random import Random
from typing import Any, Final, Protocol

from tests.simulation.clockwork import Clockwork
from tests.simulation.failover.bucket import Bucket
from tests.simulation.failover.master import Master
from tests.simulation.failover.weather import ELECTION_SECONDS, Weather

LONGEST_DELAY_SECONDS: Final = 3.0


class Region(Protocol):
    """The world around a call."""

    random: Random
    clockwork: Clockwork
    bucket: Bucket
    weather: Weather

    def within(
        self, master: Master, instance: str, deed: Callable[..., None], *words: Any
    ) -> None: ...
    def delay(self) -> float: ...
    def times(self) -> int: ...


class Call:
    """One call: *work* is done at the server, *answered* is told its outcome, or that none came."""

    def __init__(
        self,
        region: Region,
        master: Master,
        work: Callable[[float], Any],
        answered: Callable[[Master, Any], None],
    ) -> None:
        self._region = region
        self._master, self._instance = master, master.instance
        self._work = work
        self._answered = answered
        self._weather = region.weather
        self._is_over = False

    def send(self, patience_seconds: float, silence: Any) -> None:
        """Send it; *silence* is the outcome when no answer came in time."""
        region, clockwork = self._region, self._region.clockwork
        for _ in range(region.times()):
            if region.random.random() >= self._weather.lost and not self._master.mute:
                clockwork.at(clockwork.now + region.delay(), self._arrive)
        clockwork.at(clockwork.now + patience_seconds, self._answer, silence)

    def _arrive(self) -> None:
        region, clockwork = self._region, self._region.clockwork
        if region.bucket.is_down:
            # Without a leader a server keeps some calls, and they land when nobody waits any more.
            if region.random.random() < self._weather.late:
                wait = region.random.uniform(0, ELECTION_SECONDS[1])
                clockwork.at(clockwork.now + wait, self._arrive)
            return
        outcome = self._work(self._weather.stale)
        if region.random.random() >= self._weather.lost and not self._master.deaf:
            clockwork.at(clockwork.now + region.delay(), self._answer, outcome)

    def _answer(self, outcome: Any) -> None:
        if not self._is_over:
            self._region.within(self._master, self._instance, self._hear, outcome)

    def _hear(self, outcome: Any) -> None:
        if not self._is_over:
            self._is_over = True
            self._answered(self._master, outcome)
