"""A dedicated NATS connection, for users that need order, sequences and compare-and-set.

The client exists from the start and is connected once NATS accepts the login. Until then, and while
the connection is lost, its users check `is_connected` and fail with an error of their own.
"""

import asyncio
import logging
from typing import Final

from shared.crypto.envelope import Identity
from shared.domain.containment import describe_error, ends_process
from shared.domain.outage import Outage
from shared.messaging.client import OnMalformed, SafeClient
from shared.messaging.connection import NatsAccess, connection_options

RETRY_SECONDS: Final = 0.5


class DedicatedConnection:
    """One client, connected once; from then on the library mends the connection."""

    def __init__(
        self, access: NatsAccess, identity: Identity, name: str, on_malformed: OnMalformed
    ) -> None:
        self._access = access
        self._name = name
        self._options = connection_options(access, identity, name)
        self._outage = Outage()
        self._log = logging.getLogger("meridian.nats")
        self.client = SafeClient(on_malformed)

    async def run(self) -> None:
        """Connect, however long it takes, and hold the connection until cancelled."""
        try:
            while True:
                if await self._connect():
                    await asyncio.Event().wait()
                await asyncio.sleep(RETRY_SECONDS)
        finally:
            await self.client.close()

    async def _connect(self) -> bool:
        access = self._access
        try:
            await self.client.connect(
                user=access.user,
                password=access.password,
                **self._options,
            )
        except Exception as error:  # whatever the server answers, we try again
            if ends_process(error):
                raise
            if self._outage.is_worth_a_line(describe_error(error)):
                self._log.warning("NATS refused the connection (%s): %s", self._name, error)
            return False
        if self._outage.end():
            self._log.info("connected to NATS (%s)", self._name)
        return True
