"""Facts for the stream `EVENTS`: signed by the cluster like every message, and by the node.

The node's Ed25519 signature (`shared.crypto.testimony`) lets tools outside check an event without
the pre-shared key. It is made when the fact is told, so it says when that was. Facts wait in a
bounded queue until JetStream has acknowledged them; nobody waits for that. Each carries an id,
so that one whose acknowledgement was lost is stored once.
"""

import asyncio
import logging
import secrets
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final, Protocol

from faststream.exceptions import IncorrectState
from faststream.nats import NatsBroker
from nats.errors import Error as NatsError

from shared.crypto.nodekeys import NodeKey
from shared.crypto.testimony import NODE_SIGNATURE_HEADER, Statement, attest
from shared.domain.containment import ends_process
from shared.domain.ids import NodeId, UnixMillis
from shared.events.message import Event
from shared.messaging.streams import EVENTS

FACT_ID_HEADER: Final = "Nats-Msg-Id"
WAITING: Final = 1_000
LIMIT_BYTES: Final = 512 * 1024
PAUSE_SECONDS: Final = 0.5
PUBLISH_SECONDS: Final = 2.0


@dataclass(frozen=True, slots=True)
class Fact:
    """One event on its way: the bytes that both signatures cover, the node's one, and its id."""

    address: str
    payload: bytes
    id: str
    testimony: str


@dataclass(frozen=True, slots=True)
class Witness:
    """The node that speaks, with its key and its clock."""

    node: NodeId
    key: NodeKey
    now_ms: Callable[[], UnixMillis]

    def fact(self, event: Event) -> Fact:
        """*event* as this node says it now, under an id of its own."""
        address, payload = event.address, event.model_dump_json().encode()
        said = Statement(self.node, self.now_ms(), secrets.token_hex(12))
        return Fact(address, payload, said.id, attest(self.key, said, address, payload))


class Emits(Protocol):
    """Says something as soon as it can be kept."""

    def emit(self, event: Event) -> None: ...


class EventPublisher:
    """Sends facts to `EVENTS`, or another stream, until they are acknowledged."""

    def __init__(self, broker: NatsBroker, witness: Witness, stream: str = EVENTS) -> None:
        self._broker = broker
        self._witness = witness
        self._stream = stream
        self._queue: asyncio.Queue[Fact] = asyncio.Queue(WAITING)
        self._log = logging.getLogger("meridian.events")

    def emit(self, event: Event) -> None:
        """Send *event* as soon as it can be; the oldest goes when too many wait."""
        fact = self._witness.fact(event)
        if len(fact.payload) > LIMIT_BYTES:
            self._log.error("%s is too long for an event and was dropped", fact.address)
            return
        if self._queue.full():
            lost = self._queue.get_nowait()
            self._queue.task_done()
            self._log.warning("too many events wait; %s was dropped", lost.address)
        self._queue.put_nowait(fact)

    async def run(self) -> None:
        """Send what waits, in order, for ever."""
        while True:
            fact = await self._queue.get()
            try:
                await self._deliver(fact)
            except Exception as error:
                if ends_process(error):
                    raise
                self._log.exception("%s was dropped: it cannot be sent", fact.address)
            finally:
                self._queue.task_done()

    async def flush(self) -> None:
        """Wait until nothing waits; somebody must `run` meanwhile."""
        await self._queue.join()

    async def _deliver(self, fact: Fact) -> None:
        while True:
            if await self._sent(fact):
                return
            await asyncio.sleep(PAUSE_SECONDS)

    async def _sent(self, fact: Fact) -> bool:
        try:
            await self._broker.publish(
                fact.payload,
                fact.address,
                stream=self._stream,
                timeout=PUBLISH_SECONDS,
                headers={
                    "content-type": "application/json",
                    NODE_SIGNATURE_HEADER: fact.testimony,
                    FACT_ID_HEADER: fact.id,
                },
            )
        except (NatsError, OSError, TimeoutError, IncorrectState) as error:
            self._log.debug("%s waits: %s", fact.address, error)
            return False
        return True
