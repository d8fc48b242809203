"""Tells tools outside how the nodes fare, while this gateway's master is primary."""

import asyncio
from typing import Final

from services.gateway.core.news import NodeNews, Readiness, ReadinessNews
from services.gateway.routes.door import Door
from shared.domain.ids import Instant, NodeId
from shared.domain.liveness import Liveness
from shared.domain.node import MasterRole

LOOK_SECONDS: Final = 0.5


class Herald:
    """Looks at every node of the directory, and says what changed."""

    def __init__(self, door: Door) -> None:
        self._door = door
        self._news = NodeNews()
        self._readiness = ReadinessNews()

    async def run(self) -> None:
        """Look, for ever."""
        while True:
            self.look()
            await asyncio.sleep(LOOK_SECONDS)

    def look(self) -> None:
        """Say what changed since the last look."""
        door, site = self._door, self._door.directory.site
        if site is None:
            return
        now = door.clock.now()
        states = {
            node: door.observed.liveness(node, site.timing, now) for node in door.directory.nodes
        }
        is_primary = door.grant.valid_epoch(now) is not None
        for event in self._news.look(states, now, is_primary=is_primary):
            door.events.emit(event)
        for told in self._readiness.look(self._said(now), is_primary=is_primary):
            door.events.emit(told)

    def _said(self, now: Instant) -> dict[NodeId, Readiness]:
        """What the masters that live and are not primary say of themselves."""
        door, found = self._door, dict[NodeId, Readiness]()
        for node in door.directory.nodes:
            heard = door.observed.heard(node, "failover_monitor")
            if heard is None or heard.heartbeat.role is not MasterRole.BACKUP:
                continue
            if door.observed.liveness(node, door.site().timing, now) is Liveness.ALIVE:
                beat = heard.heartbeat
                found[node] = Readiness(beat.could_take_over, beat.reasons)
        return found
