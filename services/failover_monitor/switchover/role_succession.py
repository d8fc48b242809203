"""Carries out the successor's side of a planned change: proves its position, awaits the role."""

from dataclasses import dataclass
from typing import Final, Protocol

from services.failover_monitor.core.facts import SuccessorNamed
from services.failover_monitor.core.health import AUTOMATIC_OFF
from services.failover_monitor.core.monitor import Monitor
from services.failover_monitor.lease.runner import MonitorRunner
from shared.crypto.nodekeys import NodeKey
from shared.domain.errors import NotPrimary
from shared.domain.ids import Epoch, NodeId, Revision
from shared.domain.log import LogPosition
from shared.events.failover import AssumeRole, PrepareForRole, RoleReadiness
from shared.events.message import Done
from shared.runtime.clock import Clock

ASSUME_SECONDS: Final = 1.0
"""How long this master waits until the lease names it; the primary waits as long."""


class ReadsPosition(Protocol):
    """Reads the log position of the own database."""

    async def read_position(self) -> LogPosition | None: ...


class ProvesConfig(Protocol):
    """Lets the own config commit."""

    async def find_config_fault(self) -> str: ...


@dataclass(frozen=True)
class RoleSuccession:
    """Prepares this master for the role, and assumes it when the lease names this master."""

    node: NodeId
    monitor: Monitor
    runner: MonitorRunner
    database: ReadsPosition
    proofs: ProvesConfig
    key: NodeKey
    clock: Clock

    async def prepare(self, request: PrepareForRole) -> RoleReadiness:
        """Report this master's position and obstacles; await the role from now on.

        Where a sick primary asks, config commits once more: what is wrong there may be wrong here.
        """
        overruled = () if request.why else (AUTOMATIC_OFF,)
        fault = await self.proofs.find_config_fault() if request.why else ""
        now = self.clock.now()
        prepared = self.monitor.prepare(now, request.why)
        position = await self.database.read_position()
        reasons = (*self.monitor.status(now).reasons, *([fault] if fault else ()))
        ready = RoleReadiness(
            node=self.node,
            epoch=request.epoch,
            instance=prepared.holder.instance,
            n=prepared.n,
            revision=Revision(0) if position is None else position.revision,
            hash="" if position is None else position.hash,
            reasons=tuple(reason for reason in reasons if reason not in overruled),
        )
        signature = self.key.sign(ready.readiness_bytes()).hex()
        return ready.model_copy(update={"signature": signature})

    async def assume(self, order: AssumeRole) -> Done:
        """Read the lease at once, and answer when this master acts.

        Raises:
            NotPrimary: the lease does not name it.
        """
        await self.runner.step(SuccessorNamed())
        if not await self.runner.wait_for(lambda: self._acts_in(order.epoch), ASSUME_SECONDS):
            raise NotPrimary(f"the lease does not name {self.node} in epoch {order.epoch}")
        return Done()

    def _acts_in(self, epoch: Epoch) -> bool:
        return self.monitor.is_primary(self.clock.now()) and self.monitor.epoch >= epoch
