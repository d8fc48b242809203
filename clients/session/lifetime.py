"""Says when a session ends by its lifetime: when this end joins it, and twice before the end.

The moment is by this machine's clock. A machine that slept over a warning is warned when it wakes.
"""

import asyncio
from collections.abc import AsyncGenerator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final

from clients.clock import wall
from clients.session.narration import Narrator

WARNINGS_SECONDS: Final = (300.0, 60.0)
LOOK_SECONDS: Final = 5.0
"""A clock that was set, or a machine that slept, is noticed after so long at most."""

LATEST_UNIX_MS: Final = 250_000_000_000_000
UNITS: Final = (("d", 86_400), ("h", 3_600), ("min", 60), ("s", 1))


@dataclass(frozen=True, slots=True)
class Lifetime:
    """The lifetime of a session that ends at *ends_at*."""

    ends_at: datetime

    @classmethod
    def until(cls, unix_ms: int) -> "Lifetime":
        """Build the lifetime that ends at *unix_ms*, or as late as there is a date for."""
        return cls(datetime.fromtimestamp(min(max(unix_ms, 0), LATEST_UNIX_MS) / 1000, UTC))

    def seconds_left(self, now: datetime) -> float:
        return (self.ends_at - now).total_seconds()

    def warnings(self, now: datetime) -> list[float]:
        """List how many seconds before the end a warning is still to come."""
        return [each for each in WARNINGS_SECONDS if each < self.seconds_left(now)]

    def describe(self, now: datetime) -> dict[str, object]:
        """Return what is narrated: the time of day, and how long it is until then."""
        left = max(0, round(self.seconds_left(now)))
        return {"at": self.format_end(now), "left": format_span(left), "seconds_left": left}

    def format_end(self, now: datetime) -> str:
        """Format the end by this machine's zone, with its date unless it is today."""
        end = self.ends_at.astimezone()
        return end.strftime("%H:%M" if end.date() == now.astimezone().date() else "%Y-%m-%d %H:%M")


class LifetimeNews:
    """Narrates one session's lifetime."""

    def __init__(
        self, lifetime: Lifetime, narrate: Narrator, clock: Callable[[], datetime] = wall
    ) -> None:
        self._lifetime = lifetime
        self._narrate = narrate
        self._clock = clock

    @asynccontextmanager
    async def running(self) -> AsyncGenerator[None]:
        """Run beside the session."""
        task = asyncio.create_task(self.run())
        try:
            yield
        finally:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)

    async def run(self) -> None:
        """Say when the session ends, and warn before, until the last warning or cancelled."""
        now = self._clock()
        ahead = self._lifetime.warnings(now)
        self._narrate("lifetime", **self._lifetime.describe(now))
        while ahead:
            left = self._lifetime.seconds_left(now)
            await asyncio.sleep(min(max(0.0, left - ahead[0]), LOOK_SECONDS))
            now = self._clock()
            due = [each for each in ahead if self._lifetime.seconds_left(now) <= each]
            if due:
                self._narrate("ends_soon", **self._lifetime.describe(now))
                ahead = ahead[len(due) :]


def format_span(seconds: int) -> str:
    """Format a length of time in its two largest units: `8 h`, `1 h 30 min`, `5 min`, `0 s`."""
    parts, rest = list[str](), seconds
    for unit, size in UNITS:
        count, rest = divmod(rest, size)
        if count or parts:
            parts.append(f"{count} {unit}")
    return " ".join(each for each in parts[:2] if not each.startswith("0 ")) or "0 s"
