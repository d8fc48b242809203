"""Waiting with a limit, and the pauses of a loop that tries again."""

import asyncio

from shared.domain.backoff import Backoff
from shared.runtime.waiting import Pauses, wait_at_most
from tests.fakes.virtual_time import BEGIN, run, turn


def now() -> float:
    return asyncio.get_running_loop().time() - BEGIN


def test_a_wait_ends_when_the_event_is_set() -> None:
    async def scenario() -> tuple[bool, float]:
        event = asyncio.Event()
        asyncio.get_running_loop().call_later(2, event.set)
        return await wait_at_most(event, 5), now()

    assert run(scenario()) == (True, 2)


def test_a_wait_ends_at_its_limit() -> None:
    async def scenario() -> tuple[bool, float]:
        return await wait_at_most(asyncio.Event(), 5), now()

    assert run(scenario()) == (False, 5)


def test_a_wait_without_a_limit_lasts_until_the_event_is_set() -> None:
    async def scenario() -> tuple[bool, float]:
        event = asyncio.Event()
        asyncio.get_running_loop().call_later(100_000, event.set)
        return await wait_at_most(event, None), now()

    assert run(scenario()) == (True, 100_000)


def test_an_event_that_is_set_already_is_not_waited_for() -> None:
    async def scenario() -> tuple[bool, float]:
        event = asyncio.Event()
        event.set()
        return await wait_at_most(event, 0.0), now()

    assert run(scenario()) == (True, 0)


def test_a_cancellation_is_never_swallowed() -> None:
    async def scenario() -> bool:
        waiting = asyncio.create_task(wait_at_most(asyncio.Event(), 5))
        await turn()
        waiting.cancel()
        await asyncio.wait({waiting})
        return waiting.cancelled()

    assert run(scenario())


def test_pauses_grow_until_an_attempt_succeeded() -> None:
    async def scenario() -> list[float]:
        pauses, ends = Pauses(Backoff(1.0, 4.0)), list[float]()
        for failure in range(6):
            if failure == 4:
                pauses.reset()
            await pauses.pause()
            ends.append(now())
        return ends

    assert run(scenario()) == [1, 3, 7, 11, 12, 14]
