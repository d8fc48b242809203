"""Publishes what this master knows about itself as its heartbeat, and shows it in its health.

The other masters learn from it who could take over. It is no condition of safety, and no evidence
of who is primary.
"""

import asyncio

from services.failover_monitor.core.log_servers import LogServers
from services.failover_monitor.core.monitor import Monitor
from shared.domain.node import MasterRole
from shared.events.node import NodeHeartbeat
from shared.messaging.ports import Publishes
from shared.runtime.clock import Clock
from shared.runtime.health import Health
from shared.runtime.process import Process
from shared.runtime.waiting import wait_at_most


class HeartbeatSender:
    """Publishes heartbeats at regular intervals, and at once when this master became primary."""

    def __init__(
        self,
        process: Process,
        monitor: Monitor,
        publisher: Publishes,
        health: Health,
        clock: Clock,
        log_servers: LogServers,
    ) -> None:
        self._process = process
        self._monitor = monitor
        self._publisher = publisher
        self._health = health
        self._clock = clock
        self._log_servers = log_servers
        self._acquired = asyncio.Event()

    def on_acquired(self) -> None:
        """Send a heartbeat at once: this master became primary."""
        self._acquired.set()

    async def run(self, seconds: float) -> None:
        """Publish heartbeats every *seconds* until cancelled."""
        while True:
            self._acquired.clear()
            await self._publisher.publish(self._heartbeat())
            await wait_at_most(self._acquired, seconds)

    def _heartbeat(self) -> NodeHeartbeat:
        status, process = self._monitor.status(self._clock.now()), self._process
        faults = [reason for reason in status.reasons if reason not in status.health.vetoes]
        self._health.set("failover", ok=not faults, reason="; ".join(faults))
        return NodeHeartbeat(
            node=process.identity.node,
            service="failover_monitor",
            version=process.version,
            started_unix_ms=process.started_unix_ms,
            role=MasterRole.PRIMARY if status.is_primary else MasterRole.BACKUP,
            epoch=status.epoch,
            applied_revision=status.health.revision,
            could_take_over=status.could_take_over,
            reluctant=status.is_reluctant,
            reasons=status.reasons,
            services=process.read_restarts(self._clock.unix_ms()),
            log_servers=self._log_servers.states,
        )
