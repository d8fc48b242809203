"""Emits the changes of nodes' states, while this gateway's master is primary."""

import asyncio
from typing import Final

from services.gateway.cluster.cluster import Cluster
from services.gateway.cluster.core.news import MasterReadiness, NodeNews, ReadinessNews
from services.gateway.cluster.core.node_clocks import ClockNews
from services.gateway.cluster.local_health import LocalHealth
from shared.domain.ids import Instant, NodeId
from shared.domain.liveness import Liveness
from shared.domain.node import MasterRole
from shared.messaging.ports import Emits

CHECK_SECONDS: Final = 0.5


class StatusNotifier:
    """Checks every configured node, and emits an event for each that changed."""

    def __init__(self, cluster: Cluster, local: LocalHealth, events: Emits) -> None:
        self._cluster = cluster
        self._local = local
        self._events = events
        self._news = NodeNews()
        self._readiness = ReadinessNews()
        self._clocks = ClockNews()

    async def run(self) -> None:
        """Check, every half a second, until cancelled."""
        while True:
            self.check()
            await asyncio.sleep(CHECK_SECONDS)

    def check(self) -> None:
        """Emit what changed since the last check."""
        site = self._cluster.directory.site
        if site is None:
            return
        now, interval = self._cluster.clock.now(), site.timing.heartbeat_seconds
        states = {node: self._cluster.liveness(node, now) for node in self._cluster.directory.nodes}
        clocks = self._cluster.clocks()
        causes = {node: clock.describe() for node, clock in clocks.items() if clock.is_off}
        is_primary = self._local.primary_epoch() is not None
        backups = self._backups(now)
        for event in (
            *self._clocks.update(clocks, is_primary=is_primary),
            *self._news.update(states, causes, interval, now, is_primary=is_primary),
            *self._readiness.update(backups, interval, now, is_primary=is_primary),
        ):
            self._events.emit(event)

    def _backups(self, now: Instant) -> dict[NodeId, MasterReadiness]:
        """Collect what the masters that are alive and not primary say of their readiness."""
        found = dict[NodeId, MasterReadiness]()
        for node in self._cluster.directory.nodes:
            heard = self._cluster.observed.last_heartbeat(node, "failover_monitor")
            if heard is None or heard.heartbeat.role is not MasterRole.BACKUP:
                continue
            if self._cluster.liveness(node, now) is Liveness.ALIVE:
                heartbeat = heard.heartbeat
                found[node] = MasterReadiness(heartbeat.could_take_over, heartbeat.reasons)
        return found
