"""Compares this process's clock with those of the masters, and warns when it is off.

Each process asks each master's failover monitor for its time: seldom while nothing is known to be
wrong, soon after the own time of day was set, and while it is off. A monitor asks the gateway of
its own node instead of itself. What is found is a warning in `/readyz` and one line in the log for
each outage; nothing is refused and no readiness changes for it.
"""

import asyncio
import logging
from typing import Final

from shared.crypto.envelope import Identity
from shared.domain.backoff import Backoff
from shared.domain.clock_offset import (
    LONGEST_ROUND_TRIP_SECONDS,
    ClockName,
    ClockOffsets,
    describe_own_clock,
)
from shared.domain.errors import MeridianError
from shared.domain.ids import Instant, NodeId
from shared.domain.outage import Outage
from shared.events.clock import ReadClock
from shared.messaging.ports import Asks
from shared.runtime.clock import Clock
from shared.runtime.health import Health

CHECK_SECONDS: Final = 1.0
SELDOM_SECONDS: Final = 60.0
OFTEN_SECONDS: Final = 5.0
UNANSWERED: Final = Backoff(OFTEN_SECONDS, SELDOM_SECONDS)
JUMP_SECONDS: Final = 1.0
"""Our time of day was set when it moved so much more or less than the clock that nobody sets."""

WARNING: Final = "clock"
MONITOR: Final = "failover_monitor"
SECOND_CHOICE: Final = "gateway"


class OwnClock:
    """Measures the masters' clocks against this process's own, until cancelled."""

    def __init__(
        self,
        identity: Identity,
        masters: frozenset[NodeId],
        publisher: Asks,
        clocks: ClockOffsets,
        health: Health,
        clock: Clock,
    ) -> None:
        own = (identity.node, identity.service)
        monitors = ((node, MONITOR) for node in sorted(masters))
        self._peers: tuple[ClockName, ...] = tuple(
            (each[0], SECOND_CHOICE) if each == own else each for each in monitors
        )
        self._node = identity.node
        self._publisher = publisher
        self._clocks = clocks
        self._health = health
        self._clock = clock
        self._outage = Outage()
        self._log = logging.getLogger("meridian.clock")
        self._failures = 0
        self._due_at = clock.now()
        self._lead = self._measure_lead()

    async def run(self) -> None:
        """Ask when it is time to, until cancelled."""
        while True:
            await self.check()
            await asyncio.sleep(CHECK_SECONDS)

    async def check(self) -> None:
        """Ask each master once, if it is time to, and warn of what that shows."""
        lead, before = self._measure_lead(), self._lead
        self._lead = lead
        if abs(lead - before) >= JUMP_SECONDS:
            self._clocks.forget()  # they were measured against the time that we had
        elif self._clock.now() < self._due_at:
            return
        await asyncio.gather(*(self._ask(peer) for peer in self._peers))
        self._report()

    def _report(self) -> None:
        now = self._clock.now()
        offsets = ((peer[0], self._clocks.of_clock(peer, now)) for peer in self._peers)
        known = [(node, offset) for node, offset in offsets if offset is not None]
        sentence = describe_own_clock(self._node, known)
        self._health.warn(WARNING, sentence)
        self._failures = 0 if known else self._failures + 1
        usual = SELDOM_SECONDS if sentence is None else OFTEN_SECONDS
        pause = usual if known else UNANSWERED.pause_seconds(self._failures)
        self._due_at = Instant(now + pause)
        if sentence is None and self._outage.end():
            self._log.info("this clock agrees with the masters' again")
        elif sentence is not None and self._outage.is_worth_a_line(WARNING):
            self._log.warning("%s", sentence)

    def _measure_lead(self) -> float:
        """Return how far our time of day is ahead of the clock that nobody sets, in seconds."""
        return self._clock.unix_ms() / 1_000 - self._clock.now()

    async def _ask(self, peer: ClockName) -> None:
        """Ask *peer*; the messaging layer measures the answer."""
        try:
            await self._publisher.ask(
                ReadClock(node=peer[0], service=peer[1]), timeout_seconds=LONGEST_ROUND_TRIP_SECONDS
            )
        except MeridianError as error:
            self._log.debug("%s of %s told no time: %s", peer[1], peer[0], error.message)
