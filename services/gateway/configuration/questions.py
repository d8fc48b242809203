"""Sends one request several times and takes the first answer to any of them.

A repeat does not cancel the earlier requests: config joins a repeated proposal to the one that
waits already and answers all of them at once, so a late answer to an early request is as good as
any. Cancelling one would lose its answer.
"""

import asyncio
from typing import Generic

from shared.domain.errors import Unavailable
from shared.events.message import Reply, Request
from shared.messaging.ports import Asks


class Questions(Generic[Reply]):
    """Repeats of *request*; every answer to one of them is the same."""

    def __init__(self, publisher: Asks, request: Request[Reply]) -> None:
        self._publisher = publisher
        self._request = request
        self._asked: list[asyncio.Task[Reply]] = []
        self._open: set[asyncio.Task[Reply]] = set()

    def ask(self, timeout_seconds: float) -> None:
        """Send the request once more, and wait at most *timeout_seconds* for its answer."""
        question = self._publisher.ask(self._request, timeout_seconds=timeout_seconds)
        task = asyncio.create_task(question)
        self._asked.append(task)
        self._open.add(task)

    async def answer(self) -> Reply:
        """Wait for the first answer to any of them.

        Raises:
            Unavailable: all of them failed so or timed out; try again.
            Rejected: a service refused the request.
        """
        while True:
            assert self._open, "a request was sent before its answer is awaited"
            done, self._open = await asyncio.wait(self._open, return_when=asyncio.FIRST_COMPLETED)
            for each in done:
                try:
                    return each.result()
                except Unavailable:
                    if not self._open:
                        raise

    async def close(self) -> None:
        """Cancel the requests that are still open."""
        for each in self._asked:
            each.cancel()
        await asyncio.gather(*self._asked, return_exceptions=True)
