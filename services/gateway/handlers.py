"""Subscribes to heartbeats, followers' progress, and the monitors' grants."""

from typing import Final

from faststream.nats import NatsRouter

from services.gateway.cluster.core.observed import Observed
from services.gateway.configuration.proposals import Proposals
from shared.domain.ids import NodeId
from shared.events.failover import MasterGranted
from shared.events.node import NodeHeartbeat
from shared.events.proof import ProveGateway, ServiceProof
from shared.events.replication import FollowerProgressed
from shared.messaging.subscription import subscription
from shared.runtime.clock import Clock
from shared.runtime.directory import Directory
from shared.runtime.grant import GrantHolder

QUEUE: Final = "gateway"


class Handlers:
    """The gateway's subscribers."""

    def __init__(
        self,
        observed: Observed,
        directory: Directory,
        grant: GrantHolder,
        proposals: Proposals,
        clock: Clock,
    ) -> None:
        self._observed = observed
        self._directory = directory
        self._grant = grant
        self._proposals = proposals
        self._clock = clock

    async def on_heartbeat(self, event: NodeHeartbeat) -> None:
        self._observed.record_heartbeat(event, self._clock.now())
        self._directory.heard(event.applied_revision)

    async def on_progress(self, event: FollowerProgressed) -> None:
        self._observed.record_progress(event, self._clock.now())

    async def on_grant(self, event: MasterGranted) -> None:
        self._grant.offer(event)
        self._proposals.note_grant(event.epoch, event.node)

    async def on_prove(self, question: ProveGateway) -> ServiceProof:
        return ServiceProof(node=question.node, worked_at=self._clock.now())


def router(handlers: Handlers, node: NodeId) -> NatsRouter:
    """Build the gateway's subscriptions; any gateway of a node shows that it answers."""
    return NatsRouter(
        handlers=(
            subscription(NodeHeartbeat, handlers.on_heartbeat),
            subscription(FollowerProgressed, handlers.on_progress),
            subscription(MasterGranted, handlers.on_grant),
            subscription(ProveGateway, handlers.on_prove, node=node, queue=QUEUE),
        )
    )
