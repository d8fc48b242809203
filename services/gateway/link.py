"""The gateway's own connection to NATS, for the sessions' stream: order and compare-and-set."""

import asyncio
import logging
from typing import Final

from nats.aio.client import Client
from nats.errors import Error as NatsError

from shared.crypto.envelope import Identity
from shared.messaging.connection import NatsAccess, connect

AGAIN_SECONDS: Final = 0.5


class Link:
    """A connection that is made when NATS lets us in, and made once."""

    def __init__(self, access: NatsAccess, identity: Identity) -> None:
        self._access = access
        self._identity = identity
        self._client: Client | None = None
        self._there = asyncio.Event()

    async def client(self) -> Client:
        """The connection, as soon as there is one."""
        await self._there.wait()
        assert self._client is not None, "the event follows the connection"
        return self._client

    async def run(self) -> None:
        """Connect, however long it takes; the connection then mends itself."""
        while self._client is None:
            try:
                self._client = await connect(self._access, self._identity, "sessions")
            except (NatsError, OSError, TimeoutError) as error:
                logging.getLogger("meridian.nats").debug("no connection yet: %s", error)
                await asyncio.sleep(AGAIN_SECONDS)
        self._there.set()
        await asyncio.Event().wait()
