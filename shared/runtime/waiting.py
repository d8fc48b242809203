"""Waits for an event with a limit, and pauses between attempts."""

import asyncio
import contextlib

from shared.domain.backoff import Backoff


async def wait_at_most(event: asyncio.Event, seconds: float | None) -> bool:
    """Wait until *event* is set, *seconds* at most (None: no limit); say whether it is set.

    `asyncio.wait_for` may swallow a cancellation that arrives with the timeout; this does not.
    """
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(seconds):
            await event.wait()
    return event.is_set()


class Pauses:
    """The pauses of one loop that tries again; `reset` once an attempt succeeded."""

    def __init__(self, backoff: Backoff) -> None:
        self._backoff = backoff
        self._failures = 0

    def reset(self) -> None:
        """Make the next failure a first one again."""
        self._failures = 0

    async def pause(self) -> None:
        """Sleep as long as is due after one more failure."""
        self._failures += 1
        await asyncio.sleep(self._backoff.pause_seconds(self._failures))
