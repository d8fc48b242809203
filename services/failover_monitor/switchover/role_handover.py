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
from services.failover_monitor.core.monitor import Monitor
from services.failover_monitor.core.record import Holder
from services.failover_monitor.lease.runner import MonitorRunner
from shared.crypto.nodekeys import TrustStore
from shared.domain.errors import (
    AlreadyPrimary,
    BadSignature,
    MeridianError,
    NotFound,
    NotPrimary,
    NotReady,
    OutcomeUnknown,
    StaleEpoch,
    Unavailable,
    UnderWay,
)
from shared.domain.ids import Epoch, NodeId
from shared.domain.log import ReplicationMode
from shared.events.config import PauseWrites, WritesPaused
from shared.events.failover import (
    AssumeRole,
    PrepareForRole,
    RoleReadiness,
    RoleSwitched,
    SwitchOver,
)
from shared.messaging.ports import Asks
from shared.runtime.clock import Clock

ANSWER_SECONDS: Final = 1.0
"""The time limit of each step's answer; all steps together stay below the core's patience."""

LAST_ENTRY_SECONDS: Final = 1.5
OUTCOME_SECONDS: Final = 1.0
LARGEST_LAG: Final = 100
"""How many entries the successor may lack before changes are made to wait for it."""

STEP_SECONDS: Final = 0.005


@dataclass
class RoleHandover:
    """Hands this master's role over to another master; one switchover at a time."""

    node: NodeId
    boot_id: str
    monitor: Monitor
    runner: MonitorRunner
    publisher: Asks
    trust: TrustStore
    clock: Clock
    _busy: asyncio.Lock = field(default_factory=asyncio.Lock)
    _log: logging.Logger = field(default_factory=lambda: logging.getLogger("meridian.failover"))

    async def hand_over(self, order: SwitchOver) -> RoleSwitched:
        """Make the master that *order* names primary.

        Raises:
            NotFound, AlreadyPrimary, NotPrimary, StaleEpoch, NotReady, UnderWay: it cannot be
                done; nothing happened.
            Unavailable: a step got no answer; this master goes on.
            OutcomeUnknown: it is not known yet which master has the role.
        """
        target = self._choose_target(order)
        if self._busy.locked():
            raise UnderWay("another switchover is being carried out; wait for its end")
        async with self._busy:
            _require_ready(await self._ask_readiness(target, order.epoch))
            began = self.clock.now()
            health = self.monitor.status(began).health
            _require_attached(target, is_attached=health.is_attached)
            try:
                await self._carry_out(target, order.epoch)
            finally:
                self.monitor.resume(self.clock.now())
                await self.runner.perform()
            await self._notify(target)
            epoch, seconds = self.monitor.epoch, self.clock.now() - began
        self._log.warning(
            "handed the role over to %s in %.3f s, by order of %s", target, seconds, order.author
        )
        return RoleSwitched(primary=target, previous=self.node, epoch=epoch, seconds=seconds)

    def _choose_target(self, order: SwitchOver) -> NodeId:
        others = sorted(node for node in self.trust.masters if node != self.node)
        target = order.to or next(iter(others), self.node)
        if target not in self.trust.masters:
            known = ", ".join(sorted(self.trust.masters))
            raise NotFound(f"there is no master {target!r}; the masters are {known}")
        if not self.monitor.is_primary(self.clock.now()):
            raise NotPrimary(f"{self.node} is not primary; look at `meridian status`, ask again")
        if order.epoch != self.monitor.epoch:
            raise StaleEpoch(
                f"the order is for epoch {order.epoch}, {self.node} is primary of "
                f"{self.monitor.epoch}: the role changed meanwhile; ask again"
            )
        if target == self.node:
            raise AlreadyPrimary(f"{target} is primary already")
        return target

    async def _carry_out(self, target: NodeId, epoch: Epoch) -> None:
        now = self.clock.now()
        if not self.monitor.is_primary(now):
            raise NotPrimary(f"{self.node} is not primary any more")
        pauses = self.monitor.pause(now)
        await self.runner.perform(pauses)
        last = await self._pause_config(epoch, pauses[0].valid_until)
        _require_attached(target, is_attached=last.mode is ReplicationMode.SYNCHRONOUS)
        successor = await self._wait_for_last_entry(target, epoch, last)
        if not self.monitor.name_successor(successor, self.clock.now()):
            raise Unavailable(f"the switchover took too long; {self.node} goes on")
        await self.runner.perform()
        if not await self.runner.wait_for(lambda: self._holder() == target, OUTCOME_SECONDS):
            raise OutcomeUnknown("the lease did not answer; `meridian status` says who is primary")

    async def _pause_config(self, epoch: Epoch, valid_until: float) -> WritesPaused:
        """Let this master's config write nothing more; return the position of the last entry."""
        order = PauseWrites(
            node=self.node, epoch=epoch, boot_id=self.boot_id, valid_until=valid_until
        )
        paused = await self.publisher.ask(order, timeout_seconds=ANSWER_SECONDS)
        if not paused.has_begun:
            raise NotReady(
                f"{self.node} has only just become primary and its config has not begun; ask again",
                reasons=("beginning",),
            )
        return paused

    async def _wait_for_last_entry(
        self, target: NodeId, epoch: Epoch, last: WritesPaused
    ) -> PreparedRecord:
        """Wait until *target* has the last entry; return the record that it awaits."""
        until = self.clock.now() + LAST_ENTRY_SECONDS
        while True:
            ready = await self._ask_readiness(target, epoch)
            if (ready.revision, ready.hash) == (last.revision, last.hash):
                return PreparedRecord(Holder(target, ready.instance), ready.n)
            if self.clock.now() >= until:
                raise NotReady(
                    f"{target} is at revision {ready.revision} of {last.revision} and does not "
                    f"catch up; {self.node} goes on",
                    reasons=("lagging",),
                )
            await asyncio.sleep(STEP_SECONDS)

    async def _ask_readiness(self, target: NodeId, epoch: Epoch) -> RoleReadiness:
        request = PrepareForRole(node=target, epoch=epoch)
        try:
            ready = await self.publisher.ask(request, timeout_seconds=ANSWER_SECONDS)
        except Unavailable as error:
            raise NotReady(f"{target} does not answer", reasons=("silent",)) from error
        if (ready.node, ready.epoch) != (target, epoch) or not self._is_signed(ready):
            raise BadSignature(f"an answer in the name of {target} is not signed by it")
        own = self.monitor.status(self.clock.now()).health.revision or 0
        lag = own - ready.revision
        if lag > LARGEST_LAG:
            raise NotReady(f"{target} lags {lag} entries behind", reasons=("lagging",))
        return ready

    def _is_signed(self, ready: RoleReadiness) -> bool:
        return self.trust.verify_hex(ready.node, ready.signature, ready.readiness_bytes())

    async def _notify(self, target: NodeId) -> None:
        """Notify the new primary, which would find it out by itself a little later."""
        order = AssumeRole(node=target, epoch=self.monitor.epoch)
        try:
            await self.publisher.ask(order, timeout_seconds=ANSWER_SECONDS)
        except MeridianError as error:
            raise OutcomeUnknown(
                f"{target} has the role but has not confirmed it; see `meridian status`"
            ) from error

    def _holder(self) -> NodeId | None:
        return self.monitor.status(self.clock.now()).holder


def _require_ready(ready: RoleReadiness) -> None:
    if ready.reasons:
        why = "; ".join(ready.reasons)
        raise NotReady(f"{ready.node} cannot take the role over: {why}", reasons=ready.reasons)


def _require_attached(target: NodeId, *, is_attached: bool) -> None:
    if not is_attached:
        raise NotReady(
            f"{target} is detached: changes are acknowledged without it; wait until "
            "`meridian status` shows it at the primary's revision",
            reasons=("detached",),
        )
