"""An event loop whose clock jumps: whoever waits, waits no time at all.

The clock moves only when nothing is left to run, and then to the next timer, so a minute of
time-outs takes a moment and every run of the same seed is the same.
"""

import asyncio
import selectors
from collections.abc import Coroutine
from typing import Any, TypeVar

from shared.domain.ids import Instant, UnixMillis

T = TypeVar("T")

BEGIN = 1_000.0


class JumpingSelector(selectors.DefaultSelector):
    """A selector that lets time pass instead of waiting."""

    def __init__(self) -> None:
        super().__init__()
        self.now = BEGIN

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        assert timeout is not None, "everybody waits, and nothing will ever happen"
        self.now += max(0.0, timeout)
        return super().select(0)


class VirtualLoop(asyncio.SelectorEventLoop):
    """A loop that never sleeps."""

    def __init__(self) -> None:
        self._jumping = JumpingSelector()
        super().__init__(self._jumping)

    def time(self) -> float:
        return self._jumping.now


class VirtualClock:
    """The loop's clock, as services read theirs."""

    def now(self) -> Instant:
        return Instant(asyncio.get_running_loop().time())

    def unix_ms(self) -> UnixMillis:
        return UnixMillis(round(asyncio.get_running_loop().time() * 1_000))


def run(scenario: Coroutine[Any, Any, T]) -> T:
    """Run *scenario* to its end in virtual time."""
    with asyncio.Runner(loop_factory=VirtualLoop) as runner:
        return runner.run(scenario)


async def pause(seconds: float) -> None:
    """Let virtual time pass."""
    loop = asyncio.get_running_loop()
    over = loop.create_future()

    def end() -> None:
        if not over.done():
            over.set_result(None)

    timer = loop.call_later(seconds, end)
    try:
        await over
    finally:
        timer.cancel()


async def turn() -> None:
    """Let everybody run who can, while time stands still."""
    for _ in range(20):
        await asyncio.sleep(0)
