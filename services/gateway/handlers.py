"""Subscribes to heartbeats, followers' progress, and the monitors' grants."""

from faststream.nats import NatsRouter

from services.gateway.cluster.core.observed import Observed
from services.gateway.configuration.proposals import Proposals
from shared.events.failover import MasterGranted
from shared.events.node import NodeHeartbeat
from shared.events.replication import FollowerProgressed
from shared.messaging.subscription import subscription
from shared.runtime.clock import Clock
from shared.runtime.directory import Directory
from shared.runtime.grant import GrantHolder


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


def router(handlers: Handlers) -> NatsRouter:
    """Build the gateway's subscriptions."""
    return NatsRouter(
        handlers=(
            subscription(NodeHeartbeat, handlers.on_heartbeat),
            subscription(FollowerProgressed, handlers.on_progress),
            subscription(MasterGranted, handlers.on_grant),
        )
    )
