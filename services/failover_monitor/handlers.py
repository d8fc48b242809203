"""What the failover monitor hears and answers: the other masters' heartbeats, and its status."""

from collections.abc import Callable
from typing import Final

from faststream.nats import NatsRouter

from services.failover_monitor.core.monitor import Monitor
from services.failover_monitor.core.versions import Versions
from services.failover_monitor.promises import Word
from services.failover_monitor.switchover import Switchover
from shared.crypto.nodekeys import TrustStore
from shared.domain.ids import NodeId
from shared.domain.node import MasterRole
from shared.domain.redirection import RedirectionStatus
from shared.events.failover import (
    AskPromise,
    AssumeRole,
    MasterStatus,
    PrepareForRole,
    ReadMasterStatus,
    RoleReadiness,
    RoleSwitched,
    SwitchOver,
)
from shared.events.message import Done
from shared.events.node import NodeHeartbeat
from shared.messaging.subscription import subscription
from shared.runtime.clock import Clock

AT_ONCE: Final = 8
"""Orders to switch over that are answered at the same time; all but one are refused."""


class Handlers:
    """The monitor's subscribers, and what it says of itself."""

    def __init__(
        self,
        monitor: Monitor,
        node: NodeId,
        trust: TrustStore,
        clock: Clock,
        redirection: Callable[[], RedirectionStatus] = RedirectionStatus,
        versions: Versions | None = None,
    ) -> None:
        self._monitor = monitor
        self._node = node
        self._trust = trust
        self._clock = clock
        self.leaders: dict[str, str] = {}
        self._redirection = redirection
        self._versions = versions or Versions("")

    async def on_heartbeat(self, event: NodeHeartbeat) -> None:
        if event.service != "failover_monitor" or event.node == self._node:
            return
        if event.node in self._trust.masters:
            now = self._clock.now()
            self._versions.heard(event.node, event.version)
            self._monitor.peer_heard(event.node, now, could_take_over=event.could_take_over)

    async def on_status(self, _: ReadMasterStatus) -> MasterStatus:
        now = self._clock.now()
        return MasterStatus(
            node=self._node,
            role=self.role,
            epoch=self._monitor.epoch,
            holder=self._monitor.holder,
            could_take_over=self._monitor.could_take_over(now),
            reasons=self._monitor.reasons(now),
            leaders=self.leaders,
            redirection=self._redirection(),
        )

    @property
    def role(self) -> MasterRole:
        acting = self._monitor.is_primary(self._clock.now())
        return MasterRole.PRIMARY if acting else MasterRole.BACKUP


def router(handlers: Handlers, node: NodeId) -> NatsRouter:
    """Every master's heartbeats; questions to this master alone."""
    return NatsRouter(
        handlers=(
            subscription(NodeHeartbeat, handlers.on_heartbeat),
            subscription(ReadMasterStatus, handlers.on_status, node=node),
        )
    )


class Orders:
    """What a master is told to do about its role."""

    def __init__(self, switchover: Switchover) -> None:
        self._switchover = switchover

    async def on_switch_over(self, order: SwitchOver) -> RoleSwitched:
        return await self._switchover.hand_over(order)

    async def on_prepare(self, question: PrepareForRole) -> RoleReadiness:
        return await self._switchover.prepare(question)

    async def on_assume(self, order: AssumeRole) -> Done:
        return await self._switchover.assume(order)


def orders(orders: Orders, node: NodeId) -> NatsRouter:
    """Orders to this master alone; two operators are told of each other, not made to wait."""
    return NatsRouter(
        handlers=(
            subscription(SwitchOver, orders.on_switch_over, node=node, max_workers=AT_ONCE),
            subscription(PrepareForRole, orders.on_prepare, node=node),
            subscription(AssumeRole, orders.on_assume, node=node),
        )
    )


def promises(word: Word, node: NodeId) -> NatsRouter:
    """What a primary that cannot renew asks this master for."""
    return NatsRouter(handlers=(subscription(AskPromise, word.give, node=node),))
