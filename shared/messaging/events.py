"""Publishes events into the stream `EVENTS`: signed by the cluster and by the node.

The node's Ed25519 signature (`shared.crypto.node_signature`) lets tools outside verify an event
without the pre-shared key. It is made when the event is emitted, so its time is that moment. Events
wait in a bounded queue until JetStream has acknowledged them; no caller waits for that. Each has an
id, so that JetStream stores it once although an acknowledgement was lost and the event was resent.
"""

import asyncio
import logging
import secrets
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from faststream.exceptions import IncorrectState
from faststream.nats import NatsBroker
from nats.errors import Error as NatsError

from shared.crypto.node_signature import NODE_SIGNATURE_HEADER, Statement, attest
from shared.crypto.nodekeys import NodeKey
from shared.domain.containment import ends_process
from shared.domain.ids import NodeId, UnixMillis
from shared.events.message import Event
from shared.messaging.jetstream import MESSAGE_ID
from shared.messaging.streams import EVENTS

WAITING: Final = 1_000
LIMIT_BYTES: Final = 512 * 1024
PAUSE_SECONDS: Final = 0.5
PUBLISH_SECONDS: Final = 2.0


@dataclass(frozen=True, slots=True)
class SignedEvent:
    """One event on its way: the bytes that both signatures cover, its id, the node's signature."""

    address: str
    payload: bytes
    id: str
    node_signature: str


@dataclass(frozen=True, slots=True)
class EventSigner:
    """The node that publishes, with its key and its clock."""

    node: NodeId
    key: NodeKey
    now_ms: Callable[[], UnixMillis]

    def sign(self, event: Event) -> SignedEvent:
        """Sign *event* with the node's key, as of now, under a new id."""
        address, payload = event.address, event.model_dump_json().encode()
        statement = Statement(self.node, self.now_ms(), secrets.token_hex(12))
        signature = attest(self.key, statement, address, payload)
        return SignedEvent(address, payload, statement.id, signature)


class EventPublisher:
    """Sends signed events to `EVENTS`, or another stream, until they are acknowledged."""

    def __init__(self, broker: NatsBroker, signer: EventSigner, stream: str = EVENTS) -> None:
        self._broker = broker
        self._signer = signer
        self._stream = stream
        self._queue: asyncio.Queue[SignedEvent] = asyncio.Queue(WAITING)
        self._dropped = 0
        self._log = logging.getLogger("meridian.events")

    def emit(self, event: Event) -> None:
        """Send *event* as soon as it can be; the oldest goes when too many wait."""
        signed = self._signer.sign(event)
        if len(signed.payload) > LIMIT_BYTES:
            self._log.error("%s is too long for an event and was dropped", signed.address)
            return
        if self._queue.full():
            self._drop_oldest()
        self._queue.put_nowait(signed)

    async def run(self) -> None:
        """Send what waits, in order, until cancelled."""
        while True:
            signed = await self._queue.get()
            try:
                await self._deliver(signed)
            except Exception as error:
                if ends_process(error):
                    raise
                self._log.exception("%s was dropped: it cannot be sent", signed.address)
            finally:
                self._queue.task_done()
            if self._queue.empty():
                self._report_dropped()

    async def flush(self) -> None:
        """Wait until nothing waits; somebody must `run` meanwhile."""
        await self._queue.join()

    def _drop_oldest(self) -> None:
        """Make room; only the first of an outage is worth a line, for each session has events."""
        lost = self._queue.get_nowait()
        self._queue.task_done()
        self._dropped += 1
        if self._dropped == 1:
            self._log.warning(
                "%d events wait for the stream %s; the oldest are dropped from now on, first %s",
                *(WAITING, self._stream, lost.address),
            )

    def _report_dropped(self) -> None:
        """Report once that the outage is over, and what it cost."""
        if self._dropped:
            self._log.warning(
                "the stream %s takes events again; %d were dropped", self._stream, self._dropped
            )
        self._dropped = 0

    async def _deliver(self, signed: SignedEvent) -> None:
        while True:
            if await self._is_acknowledged(signed):
                return
            await asyncio.sleep(PAUSE_SECONDS)

    async def _is_acknowledged(self, signed: SignedEvent) -> bool:
        try:
            await self._broker.publish(
                signed.payload,
                signed.address,
                stream=self._stream,
                timeout=PUBLISH_SECONDS,
                headers={
                    "content-type": "application/json",
                    NODE_SIGNATURE_HEADER: signed.node_signature,
                    MESSAGE_ID: signed.id,
                },
            )
        except (NatsError, OSError, TimeoutError, IncorrectState) as error:
            self._log.debug("%s waits: %s", signed.address, error)
            return False
        return True
