"""Asks the nodes' services for their time, so that status and events can name a wrong clock.

Every gateway asks, because each answers `meridian status`; only the primary's emits events.
"""

import asyncio
import logging
from typing import Final

from services.gateway.cluster.cluster import Cluster
from services.gateway.cluster.core.node_clocks import ClockQuestions, choose_clocks
from shared.domain.clock_offset import LONGEST_ROUND_TRIP_SECONDS, ClockName
from shared.domain.errors import MeridianError
from shared.domain.ids import Instant
from shared.events.clock import ReadClock
from shared.messaging.ports import Asks

CHECK_SECONDS: Final = 0.5


class ClockReader:
    """Asks the clocks that are due; the messaging layer measures their answers."""

    def __init__(self, cluster: Cluster, publisher: Asks) -> None:
        self._cluster = cluster
        self._publisher = publisher
        self._questions = ClockQuestions((cluster.node, "gateway"))
        self._log = logging.getLogger("meridian.clock")

    async def run(self) -> None:
        """Ask, every half a second those that are due, until cancelled."""
        while True:
            await self.ask_due()
            await asyncio.sleep(CHECK_SECONDS)

    async def ask_due(self) -> None:
        """Ask, at once, all that are due."""
        await asyncio.gather(*(self._ask(each) for each in self._due()))

    def _due(self) -> tuple[ClockName, ...]:
        cluster = self._cluster
        if cluster.directory.site is None:
            return ()
        now, nodes = cluster.clock.now(), cluster.directory.nodes
        states = {node: cluster.liveness(node, now) for node in nodes}
        wanted = choose_clocks({node: each.role for node, each in nodes.items()}, states)
        return self._questions.due(wanted, self._urgent(now), now)

    def _urgent(self, now: Instant) -> frozenset[ClockName]:
        """Return the clocks that are suspected, and all of a node of which one is off."""
        offsets = self._cluster.offsets
        measured = {node: offsets.of_node(node, now) for node in self._cluster.directory.nodes}
        off = (
            (node, service)
            for node, services in measured.items()
            if any(offset.is_off for offset in services.values())
            for service in services
        )
        return offsets.suspected(now).union(off)

    async def _ask(self, clock: ClockName) -> None:
        question = ReadClock(node=clock[0], service=clock[1])
        try:
            await self._publisher.ask(question, timeout_seconds=LONGEST_ROUND_TRIP_SECONDS)
        except MeridianError as error:
            self._log.debug("%s of %s told no time: %s", clock[1], clock[0], error.message)
            self._questions.record(clock, answered=False)
        else:
            self._questions.record(clock, answered=True)
