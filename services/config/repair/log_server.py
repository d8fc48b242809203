"""Says what this master's NATS server can do now: write the lease, or nothing but run alone."""

from typing import Final

from nats.aio.client import Client
from nats.errors import Error as NatsError

from shared.domain.ids import NodeId
from shared.messaging.alone import is_alone
from shared.messaging.connection import jetstream_of

PROBE_SUBJECT: Final = "$KV.lease.probe."
WRITE_SECONDS: Final = 2.0


class LogServer:
    """The server at the other end of a connection."""

    def __init__(self, client: Client, node: NodeId) -> None:
        self._client = client
        self._probe = f"{PROBE_SUBJECT}{node}"

    async def can_write_lease(self) -> bool:
        """Say whether a write to the lease's bucket is acknowledged, which takes a quorum."""
        if not self._client.is_connected:
            return False
        try:
            await jetstream_of(self._client, WRITE_SECONDS).publish(self._probe, b"promote")
        except (NatsError, OSError, TimeoutError):
            return False
        return True

    async def is_alone(self) -> bool:
        """Say whether the server is in no cluster."""
        return self._client.is_connected and await is_alone(self._client)
