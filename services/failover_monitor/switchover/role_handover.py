"""Carries out the primary's side of a planned change of primary, step by step.

The successor proves that it is healthy and near the end of the log. This master pauses, and its
config confirms that no entry is under way. The successor proves that it has the last entry; one
compare-and-set names it in the lease, and it is notified. Whatever fails, the old primary goes on.
None of this is a condition of safety: the core sees to that.
"""

import asyncio
import logging
from dataclasses import dataclass, field
from typing import Final

from services.failover_monitor.core.handover import PreparedRecord
from services.failover_monitor.switchover.steps import (
    HandoverSteps,
    prepared_record,
    require_ready,
)
from shared.domain.errors import (
    AlreadyPrimary,
    NotFound,
    NotPrimary,
    NotReady,
    StaleEpoch,
    UnderWay,
)
from shared.domain.ids import Epoch, NodeId
from shared.domain.log import ReplicationMode
from shared.events.config import WritesPaused
from shared.events.failover import RoleReadiness, RoleSwitched, SwitchOver

LAST_ENTRY_SECONDS: Final = 1.5
LARGEST_LAG: Final = 100
"""How many entries the successor may lack before changes are made to wait for it."""

STEP_SECONDS: Final = 0.005


@dataclass
class RoleHandover:
    """Hands this master's role over to another master; one switchover at a time."""

    steps: HandoverSteps
    busy: asyncio.Lock
    """Held while the role is handed over, by whatever cause."""

    _log: logging.Logger = field(default_factory=lambda: logging.getLogger("meridian.failover"))

    async def hand_over(self, order: SwitchOver) -> RoleSwitched:
        """Make the master that *order* names primary.

        Raises:
            NotFound, AlreadyPrimary, NotPrimary, StaleEpoch, NotReady, UnderWay: it cannot be
                done; nothing happened.
            Unavailable: a step got no answer; this master goes on.
            OutcomeUnknown: it is not known yet which master has the role.
        """
        if self.busy.locked():
            raise UnderWay("the role is being handed over already; wait for the end of that")
        steps, target = self.steps, self._choose_target(order)
        async with self.busy:
            require_ready(await self._ask_readiness(target, order.epoch))
            began = steps.clock.now()
            health = steps.monitor.status(began).health
            _require_attached(target, is_attached=health.is_attached)
            try:
                await self._carry_out(target, order.epoch)
            finally:
                await steps.resume()
            await steps.notify(target)
            epoch, seconds = steps.monitor.epoch, steps.clock.now() - began
        self._log.warning(
            "handed the role over to %s in %.3f s, by order of %s", target, seconds, order.author
        )
        return RoleSwitched(primary=target, previous=steps.node, epoch=epoch, seconds=seconds)

    def _choose_target(self, order: SwitchOver) -> NodeId:
        node, monitor, masters = self.steps.node, self.steps.monitor, self.steps.trust.masters
        others = sorted(each for each in masters if each != node)
        target = order.to or next(iter(others), node)
        if target not in masters:
            known = ", ".join(sorted(masters))
            raise NotFound(f"there is no master {target!r}; the masters are {known}")
        if not monitor.is_primary(self.steps.clock.now()):
            raise NotPrimary(f"{node} is not primary; look at `meridian status`, ask again")
        if order.epoch != monitor.epoch:
            raise StaleEpoch(
                f"the order is for epoch {order.epoch}, {node} is primary of "
                f"{monitor.epoch}: the role changed meanwhile; ask again"
            )
        if target == node:
            raise AlreadyPrimary(f"{target} is primary already")
        return target

    async def _carry_out(self, target: NodeId, epoch: Epoch) -> None:
        steps, now = self.steps, self.steps.clock.now()
        if not steps.monitor.is_primary(now):
            raise NotPrimary(f"{steps.node} is not primary any more")
        pauses = steps.monitor.pause(now)
        await steps.runner.perform(pauses)
        last = await self._pause_config(epoch, pauses[0].valid_until)
        _require_attached(target, is_attached=last.mode is ReplicationMode.SYNCHRONOUS)
        await steps.name(await self._wait_for_last_entry(target, epoch, last))

    async def _pause_config(self, epoch: Epoch, valid_until: float) -> WritesPaused:
        """Let config write nothing more; where it has not begun there is nothing to hand over."""
        paused = await self.steps.pause_config(epoch, valid_until)
        if not paused.has_begun:
            raise NotReady(
                f"{self.steps.node} has only just become primary and its config has not begun; "
                "ask again",
                reasons=("beginning",),
            )
        return paused

    async def _wait_for_last_entry(
        self, target: NodeId, epoch: Epoch, last: WritesPaused
    ) -> PreparedRecord:
        """Wait until *target* has the last entry; return the record that it awaits."""
        until = self.steps.clock.now() + LAST_ENTRY_SECONDS
        while True:
            ready = await self._ask_readiness(target, epoch)
            if (ready.revision, ready.hash) == (last.revision, last.hash):
                return prepared_record(ready)
            if self.steps.clock.now() >= until:
                raise NotReady(
                    f"{target} is at revision {ready.revision} of {last.revision} and does not "
                    f"catch up; {self.steps.node} goes on",
                    reasons=("lagging",),
                )
            await asyncio.sleep(STEP_SECONDS)

    async def _ask_readiness(self, target: NodeId, epoch: Epoch) -> RoleReadiness:
        ready = await self.steps.ask_readiness(target, epoch)
        health = self.steps.monitor.status(self.steps.clock.now()).health
        lag = (health.revision or 0) - ready.revision
        if lag > LARGEST_LAG:
            raise NotReady(f"{target} lags {lag} entries behind", reasons=("lagging",))
        return ready


def _require_attached(target: NodeId, *, is_attached: bool) -> None:
    if not is_attached:
        raise NotReady(
            f"{target} is detached: changes are acknowledged without it; wait until "
            "`meridian status` shows it at the primary's revision",
            reasons=("detached",),
        )
