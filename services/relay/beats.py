"""Says once per heartbeat interval that this node's data plane is there, and how loaded it is."""

import asyncio

from services.relay.core.admission import Admission
from services.relay.core.reception import Reception
from services.relay.data_plane.plane import DataPlane
from services.relay.handlers import Orders
from services.relay.own import OwnPart
from shared.domain.ids import Instant
from shared.events.node import NodeHeartbeat
from shared.messaging.ports import Publishes
from shared.runtime.clock import Clock
from shared.runtime.process import Process


class Beats:
    """The relay's heartbeat, and what is done once per beat."""

    def __init__(
        self,
        process: Process,
        publisher: Publishes,
        clock: Clock,
        admission: Admission,
        reception: Reception,
        plane: DataPlane,
    ) -> None:
        self._process = process
        self._publisher = publisher
        self._clock = clock
        self._admission = admission
        self._reception = reception
        self._plane = plane
        self._carried = 0
        self._at = Instant(0)

    async def run(self, own: OwnPart, orders: Orders) -> None:
        """Beat for ever."""
        while True:
            own.refresh()
            await orders.forget_expired(self._clock.unix_ms())
            await self._publisher.publish(self.reading(draining=self._admission.draining))
            await asyncio.sleep(own.heartbeat_seconds)

    async def farewell(self) -> None:
        """Let nobody be sent here any more: the relay is about to end."""
        await self._publisher.publish(self.reading(draining=True))

    def reading(self, *, draining: bool) -> NodeHeartbeat:
        """The heartbeat of now; the rate is that since the last one."""
        now, carried = self._clock.now(), self._plane.bytes_carried
        rate = (carried - self._carried) / (now - self._at) if now > self._at else 0.0
        self._at, self._carried = now, carried
        reading = self._reception.reading
        return NodeHeartbeat(
            node=self._process.identity.node,
            service=self._process.identity.service,
            version=self._process.version,
            started_unix_ms=self._process.started_unix_ms,
            sessions=reading.sessions,
            connections=self._plane.connections,
            bytes_per_second=int(rate),
            draining=draining,
            session_digest=reading.digest,
            services=self._process.read_restarts(self._clock.unix_ms()),
        )
