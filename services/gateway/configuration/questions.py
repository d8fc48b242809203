"""One proposal, asked again and again, and whichever of its questions is answered first.

Asking again takes no earlier question back: config joins a repeat to what waits
already and answers all of them at once, so an answer that comes late, to an early question, is as
good as any. Giving one up would throw its answer away and have the next one begin anew.
"""

import asyncio
from typing import Generic

from shared.domain.errors import Unavailable
from shared.events.message import Reply, Request
from shared.messaging.ports import Asks


class Questions(Generic[Reply]):
    """The same *request*, as often as it was asked; its answers say the same."""

    def __init__(self, publisher: Asks, request: Request[Reply]) -> None:
        self._publisher = publisher
        self._request = request
        self._asked: list[asyncio.Task[Reply]] = []
        self._open: set[asyncio.Task[Reply]] = set()

    def ask(self, timeout_seconds: float) -> None:
        """Ask once more, and listen for an answer for so long."""
        question = self._publisher.ask(self._request, timeout_seconds=timeout_seconds)
        task = asyncio.create_task(question)
        self._asked.append(task)
        self._open.add(task)

    async def answer(self) -> Reply:
        """The first answer to any of them.

        Raises:
            Unavailable: every one was answered so, or not at all; ask again.
            Rejected: somebody said no.
        """
        while True:
            assert self._open, "who asked nothing waits for no answer"
            done, self._open = await asyncio.wait(self._open, return_when=asyncio.FIRST_COMPLETED)
            for each in done:
                try:
                    return each.result()
                except Unavailable:
                    if not self._open:
                        raise

    async def close(self) -> None:
        """Listen no more."""
        for each in self._asked:
            each.cancel()
        await asyncio.gather(*self._asked, return_exceptions=True)
