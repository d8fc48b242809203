"""What config does at its leisure: forgetting requests that nobody repeats any more."""

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


class Upkeep:
    """Each master keeps its own table short; the log keeps what was asked for."""

    def __init__(self, requests: Requests, clock: Clock) -> None:
        self._requests = requests
        self._clock = clock

    async def run(self) -> None:
        """Forget, for ever."""
        while True:
            try:
                await self._requests.forget_requests(self._clock.unix_ms())
            except StoreUnavailable as error:
                logging.getLogger("meridian.config").debug("later: %s", error.message)
            await asyncio.sleep(EVERY_SECONDS)
