"""Reports when this master, as primary, is sick, and when it is well again."""

import asyncio
import logging
from dataclasses import dataclass, field

from services.failover_monitor.core.monitor import Monitor
from services.failover_monitor.core.primary_health import PrimaryHealth
from shared.domain.ids import NodeId
from shared.events.failover import PrimaryHealthChanged
from shared.messaging.ports import Emits
from shared.runtime.clock import Clock


@dataclass
class PrimaryHealthReporter:
    """Emits one event when the primary becomes sick, and one when it is well again."""

    node: NodeId
    monitor: Monitor
    events: Emits
    clock: Clock
    _health: PrimaryHealth = field(default_factory=PrimaryHealth)
    _log: logging.Logger = field(default_factory=lambda: logging.getLogger("meridian.failover"))

    async def run(self, seconds: float) -> None:
        """Look every *seconds* until cancelled."""
        while True:
            self.look()
            await asyncio.sleep(seconds)

    def look(self) -> None:
        """Report what has changed since the last look."""
        now = self.clock.now()
        status = self.monitor.status(now)
        change = self._health.find_change(status.faults, now, is_primary=status.is_primary)
        if change is None:
            return
        self._log.warning("as primary: %s", "; ".join(change) or "all is well again")
        event = PrimaryHealthChanged(node=self.node, epoch=status.epoch, reasons=change)
        self.events.emit(event)
