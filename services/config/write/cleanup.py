"""Forgets answered requests that nobody repeats any more; each master keeps its own table short."""

import asyncio
import logging
from typing import Final, Protocol

from shared.domain.errors import StoreUnavailable
from shared.domain.ids import UnixMillis
from shared.runtime.clock import Clock

EVERY_SECONDS: Final = 3_600.0


class Requests(Protocol):
    """The table of answered requests."""

    async def forget_requests(self, now: UnixMillis) -> None: ...


class RequestCleanup:
    """Drops old requests from the table; the log keeps what they changed."""

    def __init__(self, requests: Requests, clock: Clock) -> None:
        self._requests = requests
        self._clock = clock

    async def run(self) -> None:
        """Drop old requests every hour, until cancelled."""
        while True:
            try:
                await self._requests.forget_requests(self._clock.unix_ms())
            except StoreUnavailable as error:
                logging.getLogger("meridian.config").debug("later: %s", error.message)
            await asyncio.sleep(EVERY_SECONDS)
