"""A planned change of primary, step by step; whatever fails, the old one goes on.

The other master proves that it is well and near the end of the log; this one stops, and its config
says that no entry is under way; the other proves that it has the last one; one compare-and-set
names it, and it is told. Nothing here is a condition of safety: that is the cores' business.
"""

import asyncio
import logging
from dataclasses import dataclass, field
from typing import Final

from services.failover_monitor.core.handover import Prepared
from services.failover_monitor.core.lease import Holder
from services.failover_monitor.core.monitor import Monitor
from services.failover_monitor.core.takeover import AUTOMATIC_OFF
from services.failover_monitor.work import Work
from shared.crypto.nodekeys import NodeKey, TrustStore
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
from shared.domain.ids import Epoch, NodeId, Revision
from shared.domain.log import ReplicationMode
from shared.events.config import PauseWrites, WritesPaused
from shared.events.failover import (
    AssumeRole,
    PrepareForRole,
    RoleReadiness,
    RoleSwitched,
    SwitchOver,
)
from shared.events.message import Done
from shared.messaging.ports import Asks
from shared.runtime.clock import Clock

ANSWER_SECONDS: Final = 1.0
"""How long each step waits for an answer; all together stay under the core's patience."""

LAST_ENTRY_SECONDS: Final = 1.5
OUTCOME_SECONDS: Final = 1.0
LARGEST_LAG: Final = 100
"""So many entries a backup may lack before changes wait for it."""

STEP_SECONDS: Final = 0.005


@dataclass
class Switchover:
    """Hands this master's role over, and takes another's; one at a time."""

    monitor: Monitor
    work: Work
    publisher: Asks
    clock: Clock
    holder: Holder
    boot_id: str
    key: NodeKey
    trust: TrustStore
    _busy: asyncio.Lock = field(default_factory=asyncio.Lock)
    _log: logging.Logger = field(default_factory=lambda: logging.getLogger("meridian.failover"))

    async def hand_over(self, order: SwitchOver) -> RoleSwitched:
        """Make the master that *order* names primary.

        Raises:
            NotFound, AlreadyPrimary, NotPrimary, StaleEpoch, NotReady, UnderWay: it cannot be
                done; nothing happened.
            Unavailable: a step got no answer; this master goes on.
            OutcomeUnknown: who has the role is not known yet.
        """
        target = self._target(order)
        if self._busy.locked():
            raise UnderWay("another switchover is being carried out; wait for its end")
        async with self._busy:
            _require_ready(await self._prepare(target, order.epoch))
            _require_attached(target, is_attached=self.monitor.checks.is_attached)
            began = self.clock.now()
            try:
                await self._carry_out(target, order.epoch)
            finally:
                self.monitor.handover.resume(self.clock.now())
                await self.work.perform()
            await self._tell(target)
            epoch, seconds = self.monitor.epoch, self.clock.now() - began
        self._log.warning(
            "handed the role over to %s in %.3f s, as %s wished", target, seconds, order.author
        )
        return RoleSwitched(primary=target, previous=self.node, epoch=epoch, seconds=seconds)

    async def prepare(self, question: PrepareForRole) -> RoleReadiness:
        """Where this master stands; it awaits the role from now on."""
        now = self.clock.now()
        prepared = self.monitor.handover.prepare(now)
        position = await self.work.stand()
        ready = RoleReadiness(
            node=self.node,
            epoch=question.epoch,
            instance=prepared.holder.instance,
            n=prepared.n,
            revision=Revision(0) if position is None else position.revision,
            hash="" if position is None else position.hash,
            reasons=tuple(each for each in self.monitor.reasons(now) if each != AUTOMATIC_OFF),
        )
        signature = self.key.sign(ready.readiness_bytes()).hex()
        return ready.model_copy(update={"signature": signature})

    async def assume(self, order: AssumeRole) -> Done:
        """Look at the lease at once, and say when this master acts.

        Raises:
            NotPrimary: the lease does not name it.
        """
        self.monitor.handover.told(self.clock.now())
        await self.work.perform()
        if not await self.work.until(lambda: self._acts_in(order.epoch), ANSWER_SECONDS):
            raise NotPrimary(f"the lease does not name {self.node} in epoch {order.epoch}")
        return Done()

    @property
    def node(self) -> NodeId:
        return self.holder.node

    def _target(self, order: SwitchOver) -> NodeId:
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
        pauses = self.monitor.handover.stop(now)
        await self.work.perform(pauses)
        laid_down = await self._lay_down(epoch, pauses[0].valid_until)
        _require_attached(target, is_attached=laid_down.mode is ReplicationMode.SYNCHRONOUS)
        prepared = await self._last_entry(target, epoch, laid_down)
        if not self.monitor.handover.give(prepared, self.clock.now()):
            raise Unavailable(f"the switchover took too long; {self.node} goes on")
        await self.work.perform()
        named = await self.work.until(lambda: self.monitor.holder == target, OUTCOME_SECONDS)
        if not named:
            raise OutcomeUnknown("the lease did not answer; `meridian status` says who is primary")

    async def _lay_down(self, epoch: Epoch, valid_until: float) -> WritesPaused:
        order = PauseWrites(
            node=self.node, epoch=epoch, boot_id=self.boot_id, valid_until=valid_until
        )
        try:
            answer = await self.publisher.ask(order, timeout_seconds=ANSWER_SECONDS)
        except NotPrimary as error:
            raise NotReady(
                f"{self.node} has only just become primary and its config has not begun; ask again",
                reasons=("beginning",),
            ) from error
        return answer

    async def _last_entry(self, target: NodeId, epoch: Epoch, last: WritesPaused) -> Prepared:
        """Wait until *target* has the last entry; the record that it awaits."""
        until = self.clock.now() + LAST_ENTRY_SECONDS
        while True:
            ready = await self._prepare(target, epoch)
            if (ready.revision, ready.hash) == (last.revision, last.hash):
                return Prepared(Holder(target, ready.instance), ready.n)
            if self.clock.now() >= until:
                raise NotReady(
                    f"{target} is at revision {ready.revision} of {last.revision} and does not "
                    f"catch up; {self.node} goes on",
                    reasons=("lagging",),
                )
            await asyncio.sleep(STEP_SECONDS)

    async def _prepare(self, target: NodeId, epoch: Epoch) -> RoleReadiness:
        question = PrepareForRole(node=target, epoch=epoch)
        try:
            answer = await self.publisher.ask(question, timeout_seconds=ANSWER_SECONDS)
        except Unavailable as error:
            raise NotReady(f"{target} does not answer", reasons=("silent",)) from error
        if (answer.node, answer.epoch) != (target, epoch) or not self._is_signed(answer):
            raise BadSignature(f"what {target} is said to have answered is not signed by it")
        lag = (self.monitor.checks.revision or 0) - answer.revision
        if lag > LARGEST_LAG:
            raise NotReady(f"{target} lags {lag} entries behind", reasons=("lagging",))
        return answer

    def _is_signed(self, ready: RoleReadiness) -> bool:
        return self.trust.verify_hex(ready.node, ready.signature, ready.readiness_bytes())

    async def _tell(self, target: NodeId) -> None:
        """The new primary finds it out by itself, too, only later."""
        order = AssumeRole(node=target, epoch=self.monitor.epoch)
        try:
            await self.publisher.ask(order, timeout_seconds=ANSWER_SECONDS)
        except MeridianError as error:
            raise OutcomeUnknown(
                f"{target} has the role but has not said so; see `meridian status`"
            ) from error

    def _acts_in(self, epoch: Epoch) -> bool:
        return self.monitor.is_primary(self.clock.now()) and self.monitor.epoch >= epoch


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
