"""Runs password hashes in threads, a few at once; the others wait in a fair queue.

A hash takes about 50 ms of a processor and 64 MiB of memory (argon2id, as RFC 9106 recommends it
where memory is scarce). So the number at once bounds both, and a flood of sign-ins leaves the
event loop's threads to others. The queue is as long as there are places for sign-ins.
"""

import asyncio
from collections.abc import Callable
from typing import Final, TypeVar

from services.gateway.core.fair_queue import FairQueue, Origin

HASHES_AT_ONCE: Final = 2

T = TypeVar("T")


class HashThreads:
    """At most *at_once* threads that hash."""

    def __init__(self, at_once: int = HASHES_AT_ONCE) -> None:
        self._free = at_once
        self._queue: FairQueue[asyncio.Future[None]] = FairQueue()

    async def run(self, work: Callable[[], T], origin: Origin) -> T:
        """Return the result of *work*, done in a thread when its turn has come.

        A caller who goes away does not end the thread, which keeps its slot until it has finished.
        """
        await self._slot(origin)
        thread = asyncio.get_running_loop().run_in_executor(None, work)
        thread.add_done_callback(self._on_finished)
        return await asyncio.shield(thread)

    async def _slot(self, origin: Origin) -> None:
        """Wait for a slot."""
        if self._free:
            self._free -= 1
            return
        turn = asyncio.get_running_loop().create_future()
        self._queue.push(turn, origin)
        try:
            await turn
        except asyncio.CancelledError:
            if turn.done() and not turn.cancelled():
                self._release()
            raise

    def _on_finished(self, thread: "asyncio.Future[T]") -> None:
        if not thread.cancelled():
            thread.exception()
        self._release()

    def _release(self) -> None:
        """Pass a slot on to the work that is next and still wanted."""
        while (turn := self._queue.pop()) is not None:
            if not turn.done():
                turn.set_result(None)
                return
        self._free += 1
