"""Sends this relay's heartbeat, with the load of its data plane, once per interval."""

import asyncio

from services.relay.control.configuration import NodeConfiguration
from services.relay.control.orders import NodeOrders
from services.relay.core.admission import Admission
from services.relay.core.pairing import PairingTable
from services.relay.data_plane.plane import DataPlane
from shared.domain.ids import Instant
from shared.events.node import NodeHeartbeat
from shared.messaging.ports import Publishes
from shared.runtime.clock import Clock
from shared.runtime.process import Process


class HeartbeatSender:
    """Sends the relay's heartbeat, and does what is due once per interval."""

    def __init__(
        self,
        process: Process,
        publisher: Publishes,
        clock: Clock,
        admission: Admission,
        pairings: PairingTable,
        plane: DataPlane,
    ) -> None:
        self._process = process
        self._publisher = publisher
        self._clock = clock
        self._admission = admission
        self._pairings = pairings
        self._plane = plane
        self._last_bytes = 0
        self._last_at = Instant(0)

    async def run(self, configuration: NodeConfiguration, orders: NodeOrders) -> None:
        """Refresh the configuration, forget expired sessions and publish, until cancelled."""
        while True:
            configuration.refresh()
            await orders.forget_expired(self._clock.unix_ms())
            await self._publisher.publish(self.build_heartbeat(draining=self._admission.draining))
            await asyncio.sleep(configuration.heartbeat_seconds)

    async def announce_stop(self) -> None:
        """Publish a last heartbeat that drains: selection chooses this node no more."""
        await self._publisher.publish(self.build_heartbeat(draining=True))

    def build_heartbeat(self, *, draining: bool) -> NodeHeartbeat:
        """Build the heartbeat of now; its rate covers the time since the last one."""
        now, carried = self._clock.now(), self._plane.bytes_carried
        seconds = now - self._last_at
        rate = (carried - self._last_bytes) / seconds if seconds > 0 else 0.0
        self._last_at, self._last_bytes = now, carried
        snapshot = self._pairings.snapshot
        return NodeHeartbeat(
            node=self._process.identity.node,
            service=self._process.identity.service,
            version=self._process.version,
            started_unix_ms=self._process.started_unix_ms,
            sessions=snapshot.sessions,
            connections=self._plane.connections,
            bytes_per_second=int(rate),
            draining=draining,
            session_digest=snapshot.digest,
            services=self._process.read_restarts(self._clock.unix_ms()),
        )
