"""The steps of handing a role over: what the holder asks its config and its successor.

An operator's switchover and a sick holder take the same steps; they differ in what they insist on.
"""

from dataclasses import dataclass
from typing import Final

from services.failover_monitor.core.handover import PreparedRecord
from services.failover_monitor.core.monitor import Monitor
from services.failover_monitor.core.record import Holder
from services.failover_monitor.lease.runner import MonitorRunner
from shared.crypto.nodekeys import TrustStore
from shared.domain.errors import (
    BadSignature,
    MeridianError,
    NotReady,
    OutcomeUnknown,
    Unavailable,
)
from shared.domain.ids import Epoch, NodeId
from shared.events.config import PauseWrites, WritesPaused
from shared.events.failover import AssumeRole, PrepareForRole, RoleReadiness
from shared.messaging.ports import Asks
from shared.runtime.clock import Clock

ANSWER_SECONDS: Final = 1.0
"""The time limit of each step's answer; all steps together stay below the core's patience."""

OUTCOME_SECONDS: Final = 1.0


@dataclass
class HandoverSteps:
    """Takes one step at a time for the holder *node*; the order is the caller's."""

    node: NodeId
    boot_id: str
    monitor: Monitor
    runner: MonitorRunner
    publisher: Asks
    trust: TrustStore
    clock: Clock

    async def pause_config(self, epoch: Epoch, valid_until: float) -> WritesPaused:
        """Let this master's config write nothing more; return the position of the last entry.

        Raises:
            NotPrimary, Unavailable: it goes on, or does not answer.
        """
        order = PauseWrites(
            node=self.node, epoch=epoch, boot_id=self.boot_id, valid_until=valid_until
        )
        return await self.publisher.ask(order, timeout_seconds=ANSWER_SECONDS)

    async def ask_readiness(self, target: NodeId, epoch: Epoch, why: str = "") -> RoleReadiness:
        """Ask *target* for its position and obstacles; it awaits the role from then on.

        Raises:
            NotReady: it does not answer.
            BadSignature: the answer is not its own.
        """
        request = PrepareForRole(node=target, epoch=epoch, why=why)
        try:
            ready = await self.publisher.ask(request, timeout_seconds=ANSWER_SECONDS)
        except Unavailable as error:
            raise NotReady(f"{target} does not answer", reasons=("silent",)) from error
        is_signed = self.trust.verify_hex(ready.node, ready.signature, ready.readiness_bytes())
        if (ready.node, ready.epoch) != (target, epoch) or not is_signed:
            raise BadSignature(f"an answer in the name of {target} is not signed by it")
        return ready

    async def name(self, successor: PreparedRecord) -> None:
        """Write *successor* into the lease.

        Raises:
            Unavailable: it is too late; this master goes on.
            OutcomeUnknown: the lease did not answer.
        """
        if not self.monitor.name_successor(successor, self.clock.now()):
            raise Unavailable(f"handing over took too long; {self.node} goes on")
        await self.runner.perform()
        target = successor.holder.node
        if not await self.runner.wait_for(lambda: self._holder() == target, OUTCOME_SECONDS):
            raise OutcomeUnknown("the lease did not answer; `meridian status` says who is primary")

    async def resume(self) -> None:
        """Act again if the role is still this master's."""
        self.monitor.resume(self.clock.now())
        await self.runner.perform()

    async def notify(self, target: NodeId) -> None:
        """Notify the new primary, which would find it out by itself a little later.

        Raises:
            OutcomeUnknown: it has not confirmed it.
        """
        order = AssumeRole(node=target, epoch=self.monitor.epoch)
        try:
            await self.publisher.ask(order, timeout_seconds=ANSWER_SECONDS)
        except MeridianError as error:
            raise OutcomeUnknown(
                f"{target} has the role but has not confirmed it; see `meridian status`"
            ) from error

    def _holder(self) -> NodeId | None:
        return self.monitor.status(self.clock.now()).holder


def prepared_record(ready: RoleReadiness) -> PreparedRecord:
    """Return the record that the master of *ready* awaits."""
    return PreparedRecord(Holder(ready.node, ready.instance), ready.n)


def require_ready(ready: RoleReadiness) -> None:
    """Require that nothing bars the master of *ready* from the role.

    Raises:
        NotReady: something does.
    """
    if ready.reasons:
        why = "; ".join(ready.reasons)
        raise NotReady(f"{ready.node} cannot take the role over: {why}", reasons=ready.reasons)
