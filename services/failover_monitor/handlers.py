"""Subscribes to heartbeats, status questions, orders and promise requests."""

from collections.abc import Callable
from typing import Final

from faststream.nats import NatsRouter

from services.failover_monitor.core.facts import PeerHeartbeat
from services.failover_monitor.core.log_servers import LogServers
from services.failover_monitor.core.monitor import Monitor
from services.failover_monitor.core.versions import OtherReleases
from services.failover_monitor.promises.voter import Voter
from services.failover_monitor.switchover.role_handover import RoleHandover
from services.failover_monitor.switchover.role_succession import RoleSuccession
from shared.crypto.nodekeys import TrustStore
from shared.domain.ids import NodeId
from shared.domain.node import MasterRole
from shared.domain.redirection import RedirectionStatus
from shared.events.failover import (
    AssumeRole,
    MasterStatus,
    PrepareForRole,
    ReadMasterStatus,
    RequestPromise,
    RoleReadiness,
    RoleSwitched,
    SwitchOver,
)
from shared.events.message import Done
from shared.events.node import NodeHeartbeat
from shared.messaging.subscription import subscription
from shared.runtime.clock import Clock

AT_ONCE: Final = 8
"""How many switchover orders are answered at the same time; all but one are refused."""


class HeartbeatHandler:
    """Learns from the other masters' heartbeats who could take over, and which release they run."""

    def __init__(
        self,
        node: NodeId,
        trust: TrustStore,
        monitor: Monitor,
        versions: OtherReleases,
        clock: Clock,
    ) -> None:
        self._node = node
        self._trust = trust
        self._monitor = monitor
        self._versions = versions
        self._clock = clock

    async def on_heartbeat(self, event: NodeHeartbeat) -> None:
        if event.service != "failover_monitor" or event.node == self._node:
            return
        if event.node in self._trust.masters:
            self._versions.record(event.node, event.version)
            fact = PeerHeartbeat(
                event.node,
                could_take_over=event.could_take_over,
                is_reluctant=event.reluctant,
            )
            self._monitor.step(fact, self._clock.now())


class StatusHandler:
    """Answers what this master knows about its role."""

    def __init__(
        self,
        node: NodeId,
        monitor: Monitor,
        leaders: Callable[[], dict[str, str]],
        log_servers: LogServers,
        redirection: Callable[[], RedirectionStatus],
        clock: Clock,
    ) -> None:
        self._node = node
        self._monitor = monitor
        self._leaders = leaders
        self._log_servers = log_servers
        self._redirection = redirection
        self._clock = clock

    async def on_status(self, _: ReadMasterStatus) -> MasterStatus:
        status = self._monitor.status(self._clock.now())
        return MasterStatus(
            node=self._node,
            role=MasterRole.PRIMARY if status.is_primary else MasterRole.BACKUP,
            epoch=status.epoch,
            holder=status.holder,
            could_take_over=status.could_take_over,
            reasons=status.reasons,
            leaders=self._leaders(),
            log_servers=self._log_servers.states,
            redirection=self._redirection(),
        )


class SwitchoverHandlers:
    """Carries out orders about this master's role."""

    def __init__(self, handover: RoleHandover, succession: RoleSuccession) -> None:
        self._handover = handover
        self._succession = succession

    async def on_switch_over(self, order: SwitchOver) -> RoleSwitched:
        return await self._handover.hand_over(order)

    async def on_prepare(self, request: PrepareForRole) -> RoleReadiness:
        return await self._succession.prepare(request)

    async def on_assume(self, order: AssumeRole) -> Done:
        return await self._succession.assume(order)


def heartbeat_router(handler: HeartbeatHandler) -> NatsRouter:
    """Subscribe to every master's heartbeats."""
    return NatsRouter(handlers=(subscription(NodeHeartbeat, handler.on_heartbeat),))


def status_router(handler: StatusHandler, node: NodeId) -> NatsRouter:
    """Subscribe to the questions about this master's status."""
    return NatsRouter(handlers=(subscription(ReadMasterStatus, handler.on_status, node=node),))


def switchover_router(handlers: SwitchoverHandlers, node: NodeId) -> NatsRouter:
    """Subscribe to the orders to this master; a second operator is refused, and does not wait."""
    return NatsRouter(
        handlers=(
            subscription(SwitchOver, handlers.on_switch_over, node=node, max_workers=AT_ONCE),
            subscription(PrepareForRole, handlers.on_prepare, node=node),
            subscription(AssumeRole, handlers.on_assume, node=node),
        )
    )


def promise_router(voter: Voter, node: NodeId) -> NatsRouter:
    """Subscribe to the requests of a primary that cannot renew its lease."""
    return NatsRouter(handlers=(subscription(RequestPromise, voter.vote, node=node),))
