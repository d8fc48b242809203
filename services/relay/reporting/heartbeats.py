"""Sends this relay's heartbeat, with the load of its data plane, once per interval."""

import asyncio

from services.relay.control.configuration import NodeConfiguration
from services.relay.control.orders import NodeOrders
from services.relay.core.admission import Admission
from services.relay.core.pairing import PairingTable
from services.relay.data_plane.plane import DataPlane
from shared.domain.ids import Instant
from shared.events.node import NodeHeartbeat
from shared.runtime.context import ServiceContext
from shared.runtime.marks import read_restarts


class HeartbeatSender:
    """Sends the relay's heartbeat, and does what is due once per interval."""

    def __init__(
        self,
        context: ServiceContext,
        admission: Admission,
        pairings: PairingTable,
        plane: DataPlane,
    ) -> None:
        self._context = context
        self._admission = admission
        self._pairings = pairings
        self._plane = plane
        self._last_bytes = 0
        self._last_at = Instant(0)

    async def run(self, configuration: NodeConfiguration, orders: NodeOrders) -> None:
        """Refresh the configuration, forget expired sessions and publish, until cancelled."""
        while True:
            configuration.refresh()
            await orders.forget_expired(self._context.clock.unix_ms())
            await self._context.publisher.publish(
                self.build_heartbeat(draining=self._admission.draining)
            )
            await asyncio.sleep(configuration.heartbeat_seconds)

    async def announce_stop(self) -> None:
        """Publish a last heartbeat that drains: selection chooses this node no more."""
        await self._context.publisher.publish(self.build_heartbeat(draining=True))

    def build_heartbeat(self, *, draining: bool) -> NodeHeartbeat:
        """Build the heartbeat of now; its rate covers the time since the last one."""
        now, carried = self._context.clock.now(), self._plane.bytes_carried
        seconds = now - self._last_at
        rate = (carried - self._last_bytes) / seconds if seconds > 0 else 0.0
        self._last_at, self._last_bytes = now, carried
        snapshot = self._pairings.snapshot
        return NodeHeartbeat(
            node=self._context.identity.node,
            service=self._context.identity.service,
            version=self._context.version,
            started_unix_ms=self._context.started_unix_ms,
            sessions=snapshot.sessions,
            connections=self._plane.connections,
            bytes_per_second=int(rate),
            draining=draining,
            session_digest=snapshot.digest,
            services=read_restarts(self._context.settings.state_dir, self._context.clock.unix_ms()),
        )
