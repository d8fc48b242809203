"""When the watchdog asks the loop, and what it makes of the answer."""

import asyncio
import threading

from shared.domain.ids import Instant, UnixMillis
from shared.runtime.clock import SystemClock
from shared.runtime.watchdog import Watchdog

GRACE_SECONDS = 0.06


class Hands:
    """A clock that the test moves, and what the watchdog did."""

    def __init__(self) -> None:
        self.clock = SystemClock()
        self.shift = 0.0
        self.until = Instant(0.0)
        self.ended = threading.Event()

    def now(self) -> Instant:
        return Instant(self.clock.now() + self.shift)

    def unix_ms(self) -> UnixMillis:
        return UnixMillis(0)

    def end(self, _why: str) -> None:
        self.ended.set()

    def watchdog(self) -> Watchdog:
        return Watchdog(lambda: self.until, self, self.end, GRACE_SECONDS)


async def begun(hands: Hands) -> "asyncio.Task[None]":
    task = asyncio.create_task(hands.watchdog().run())
    await asyncio.sleep(0)
    return task


async def over(task: "asyncio.Task[None]") -> None:
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)


async def test_a_loop_that_is_blocked_beyond_its_grant_is_ended() -> None:
    hands = Hands()
    hands.until = Instant(hands.now() + 0.02)
    task = await begun(hands)
    assert hands.ended.wait(5), "this blocks the loop"
    await over(task)


async def test_a_loop_that_runs_when_its_grant_ends_is_left_alone() -> None:
    hands = Hands()
    hands.until = Instant(hands.now() + 0.01)
    task = await begun(hands)
    loop, end = asyncio.get_running_loop(), hands.now() + 0.01 + 3 * GRACE_SECONDS
    while hands.now() < end:
        waited = loop.create_future()
        loop.call_later(0.005, waited.set_result, None)
        await waited
    assert not hands.ended.is_set()
    await over(task)


async def test_a_loop_that_is_blocked_without_a_grant_or_within_it_is_left_alone() -> None:
    for seconds in (None, 60.0):
        hands = Hands()
        hands.until = Instant(0.0 if seconds is None else hands.now() + seconds)
        task = await begun(hands)
        assert not hands.ended.wait(4 * GRACE_SECONDS)
        await over(task)


async def test_time_in_which_the_watchdog_did_not_run_does_not_count() -> None:
    hands = Hands()
    hands.until = Instant(hands.now() - 1)
    task = await begun(hands)
    for _ in range(100):
        hands.shift += 1.0
        assert not hands.ended.wait(0.005), "the clock jumped: the machine slept"
    await over(task)


async def test_a_watchdog_that_was_called_off_ends_nothing() -> None:
    hands = Hands()
    task = await begun(hands)
    await over(task)
    hands.until = Instant(hands.now() - 0.01)
    assert not hands.ended.wait(3 * GRACE_SECONDS)
