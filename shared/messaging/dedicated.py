"""A connection of its own to NATS, for users that need order, sequences and compare-and-set.

The client is there from the start and is connected when NATS lets us in; until then, and while
the connection is lost, those who use it find that it is not connected and say so.
"""

import asyncio
import logging
from typing import Final

from shared.crypto.envelope import Identity
from shared.domain.containment import ends_process
from shared.messaging.client import OnMalformed, SafeClient
from shared.messaging.connection import NatsAccess, options

AGAIN_SECONDS: Final = 0.5


class DedicatedConnection:
    """One client, connected once; from then on the library mends the connection."""

    def __init__(
        self, access: NatsAccess, identity: Identity, name: str, on_malformed: OnMalformed
    ) -> None:
        self._access = access
        self._identity = identity
        self._name = name
        self.client = SafeClient(on_malformed)

    async def run(self) -> None:
        """Connect, however long it takes, and hold the connection until cancelled."""
        try:
            while True:
                if await self._connected():
                    await asyncio.Event().wait()
                await asyncio.sleep(AGAIN_SECONDS)
        finally:
            await self.client.close()

    async def _connected(self) -> bool:
        access = self._access
        try:
            await self.client.connect(
                user=access.user,
                password=access.password,
                **options(access, self._identity, self._name),
            )
        except Exception as error:  # whatever a server says, it is asked again
            if ends_process(error):
                raise
            log = logging.getLogger("meridian.nats")
            log.warning("NATS did not let us in (%s): %s", self._name, error)
            return False
        return True
