"""A connection to NATS of the monitor's own, made when NATS lets us in and then kept."""

import asyncio
import logging
from collections.abc import Awaitable, Callable
from typing import Final

from nats.aio.client import Client
from nats.errors import Error as NatsError

AGAIN_SECONDS: Final = 0.5


class Link:
    """A connection, or none yet; whoever uses it does not wait."""

    def __init__(self, connect: Callable[[], Awaitable[Client]]) -> None:
        self._connect = connect
        self._client: Client | None = None

    def client(self) -> Client | None:
        """The connection, while it stands."""
        client = self._client
        return client if client is not None and client.is_connected else None

    async def run(self) -> None:
        """Connect, however long it takes; the connection then mends itself."""
        while self._client is None:
            try:
                self._client = await self._connect()
            except (NatsError, OSError, TimeoutError) as error:
                logging.getLogger("meridian.nats").debug("no connection yet: %s", error)
                await asyncio.sleep(AGAIN_SECONDS)
        await asyncio.Event().wait()

    async def close(self) -> None:
        if self._client is not None:
            await self._client.close()
