"""Facts for the stream `EVENTS`: signed by the cluster like every message, and by the node.

The node's Ed25519 signature (header `Meridian-Node-Sig`, base64, over subject, a line feed and
the payload) lets tools outside check an event without the pre-shared key. Facts wait in a
bounded queue until JetStream has acknowledged them; nobody waits for that.
"""

import asyncio
import base64
import logging
from typing import Final

from faststream.exceptions import IncorrectState
from faststream.nats import NatsBroker
from nats.errors import Error as NatsError

from shared.crypto.nodekeys import NodeKey
from shared.events.message import Event
from shared.messaging.streams import EVENTS

NODE_SIGNATURE_HEADER: Final = "Meridian-Node-Sig"
WAITING: Final = 1_000
PAUSE_SECONDS: Final = 0.5
PUBLISH_SECONDS: Final = 2.0


class EventPublisher:
    """Sends facts to `EVENTS`, or another stream, until they are acknowledged."""

    def __init__(self, broker: NatsBroker, key: NodeKey, stream: str = EVENTS) -> None:
        self._broker = broker
        self._key = key
        self._stream = stream
        self._queue: asyncio.Queue[Event] = asyncio.Queue(WAITING)
        self._log = logging.getLogger("meridian.events")

    def emit(self, event: Event) -> None:
        """Send *event* as soon as it can be; the oldest goes when too many wait."""
        if self._queue.full():
            lost = self._queue.get_nowait()
            self._log.warning("too many events wait; %s was dropped", lost.address)
        self._queue.put_nowait(event)

    async def run(self) -> None:
        """Send what waits, in order, for ever."""
        while True:
            await self._deliver(await self._queue.get())

    async def _deliver(self, event: Event) -> None:
        while True:
            if await self._sent(event):
                return
            await asyncio.sleep(PAUSE_SECONDS)

    async def _sent(self, event: Event) -> bool:
        payload = event.model_dump_json().encode()
        proof = self._key.sign(event.address.encode() + b"\n" + payload)
        try:
            await self._broker.publish(
                payload,
                event.address,
                stream=self._stream,
                timeout=PUBLISH_SECONDS,
                headers={
                    "content-type": "application/json",
                    NODE_SIGNATURE_HEADER: base64.b64encode(proof).decode(),
                },
            )
        except (NatsError, OSError, TimeoutError, IncorrectState) as error:
            self._log.debug("%s waits: %s", event.address, error)
            return False
        return True
