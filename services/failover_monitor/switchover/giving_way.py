"""Hands the role of a sick master over: it is not fit for it, and another one is ready.

The successor proves by a commit of that moment that it can take the role, so a fault that both
share moves nothing. This master pauses. A config that confirms the pause writes nothing more; one
that is dead or deaf may still hold a grant, so this master waits until the last one has run out.
Then one compare-and-set names the successor. What fails is tried again; if it keeps failing, the
core stops renewing.
"""

import asyncio
import logging
from dataclasses import dataclass, field
from typing import Final

from services.failover_monitor.switchover.steps import (
    HandoverSteps,
    prepared_record,
    require_ready,
)
from shared.domain.errors import MeridianError, OutcomeUnknown, Unavailable
from shared.domain.ids import Epoch, Instant, NodeId
from shared.domain.outage import Outage

RETRY_SECONDS: Final = 0.5
EARLY_SECONDS: Final = 0.01
"""A sleep may end a little earlier than the clock says."""


@dataclass
class GivingWay:
    """Watches this master's fitness, and hands its role over as soon as it is lost."""

    steps: HandoverSteps
    busy: asyncio.Lock
    """Held while the role is handed over, by whatever cause."""

    _outage: Outage = field(default_factory=Outage)
    _log: logging.Logger = field(default_factory=lambda: logging.getLogger("meridian.failover"))

    async def run(self) -> None:
        """Hand the role over whenever the core names a successor, until cancelled."""
        while True:
            status = self.steps.monitor.status(self.steps.clock.now())
            if status.successor is None or self.busy.locked():
                await self.steps.runner.wait_for(self._is_due, RETRY_SECONDS)
                continue
            await self._try(status.successor, status.epoch, "; ".join(status.faults))

    async def _try(self, successor: NodeId, epoch: Epoch, why: str) -> None:
        try:
            async with self.busy:
                await self.give_way(successor, epoch, why)
        except MeridianError as error:
            if self._outage.is_worth_a_line(error.message):
                self._log.warning("cannot hand the role to %s: %s", successor, error.message)
            await asyncio.sleep(RETRY_SECONDS)
        else:
            self._outage.end()
            self._log.warning("handed the role over to %s: %s", successor, why)

    async def give_way(self, successor: NodeId, epoch: Epoch, why: str) -> None:
        """Hand the role of *epoch* to *successor*; *why* is what is wrong with this master.

        Raises:
            NotReady, BadSignature, Unavailable: it cannot be done; this master goes on.
            OutcomeUnknown: it is not known yet which master has the role.
        """
        steps = self.steps
        require_ready(await steps.ask_readiness(successor, epoch, why))
        now = steps.clock.now()
        if steps.monitor.status(now).successor != successor:
            raise Unavailable(f"{steps.node} is well again, or not primary any more")
        pauses = steps.monitor.pause(now)
        try:
            await steps.runner.perform(pauses)
            await self._stop_config(epoch, pauses[0].valid_until)
            ready = await steps.ask_readiness(successor, epoch, why)
            require_ready(ready)
            await steps.name(prepared_record(ready))
        finally:
            await steps.resume()
        try:
            await steps.notify(successor)
        except OutcomeUnknown as error:  # the lease names it: it finds it out by itself
            self._log.info("%s", error.message)

    async def _stop_config(self, epoch: Epoch, granted_until: Instant) -> None:
        """Return when config cannot write any more: it says so, or its grant has run out."""
        try:
            await self.steps.pause_config(epoch, granted_until)
        except MeridianError:
            left = max(0.0, granted_until - self.steps.clock.now())
            await asyncio.sleep(left + EARLY_SECONDS)

    def _is_due(self) -> bool:
        status = self.steps.monitor.status(self.steps.clock.now())
        return status.successor is not None and not self.busy.locked()
