"""The loop that calls `tick` of a core at its deadlines; one for every core that depends on time.

Waiting does not count suspend while deadlines do, so the clock is looked at again every second:
after a machine wakes up, what has run out meanwhile runs out within a second.
"""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from typing import Final, Protocol, TypeVar

from shared.domain.ids import Instant
from shared.runtime.clock import Clock
from shared.runtime.waiting import wait_at_most

LONGEST_WAIT_SECONDS: Final = 1.0

Effect = TypeVar("Effect", covariant=True)  # noqa: PLC0105 - the name is the thing


class Core(Protocol[Effect]):
    """A core that has something to do when time passes."""

    def tick(self, now: Instant) -> Sequence[Effect]: ...
    def deadline(self) -> Instant | None: ...


class Driver:
    """Calls `tick` at `deadline`, and performs what comes back."""

    def __init__(
        self,
        core: Core[Effect],
        clock: Clock,
        perform: Callable[[Sequence[Effect]], Awaitable[None]],
    ) -> None:
        self._core = core
        self._clock = clock
        self._perform = perform
        self._woken = asyncio.Event()

    def wake(self) -> None:
        """Notify the driver that the core learned something: its deadline may have changed."""
        self._woken.set()

    async def run(self) -> None:
        """Drive the core until cancelled."""
        while True:
            deadline = self._core.deadline()
            await wait_at_most(self._woken, self._wait_seconds(deadline))
            self._woken.clear()
            now = self._clock.now()
            deadline = self._core.deadline()
            if deadline is not None and now >= deadline:
                await self._perform(self._core.tick(now))

    def _wait_seconds(self, deadline: Instant | None) -> float | None:
        """Return how long to wait before reading the clock; None until the driver is woken."""
        if deadline is None:
            return None
        return min(max(0.0, deadline - self._clock.now()), LONGEST_WAIT_SECONDS)
