"""Subscribes to grants, applied revisions, and questions about deliveries."""

from faststream.nats import NatsRouter

from services.webhooks.delivery.pool import DispatcherPool
from shared.events.failover import MasterGranted
from shared.events.node import NodeHeartbeat
from shared.events.webhook import ReadWebhooksProgress, WebhooksProgress
from shared.messaging.middleware import Silent
from shared.messaging.subscription import subscription
from shared.runtime.clock import Clock
from shared.runtime.grant import GrantHolder


class Handlers:
    """The service's subscribers."""

    def __init__(self, pool: DispatcherPool, grant: GrantHolder, clock: Clock) -> None:
        self._pool = pool
        self._grant = grant
        self._clock = clock

    async def on_grant(self, event: MasterGranted) -> None:
        self._grant.offer(event)

    async def on_heartbeat(self, event: NodeHeartbeat) -> None:
        self._pool.record_revision(event.applied_revision)

    async def on_progress(self, _question: ReadWebhooksProgress) -> WebhooksProgress:
        if self._grant.valid_epoch(self._clock.now()) is None:
            raise Silent
        return WebhooksProgress(webhooks=await self._pool.progress())


def router(handlers: Handlers) -> NatsRouter:
    """Build the service's subscriptions."""
    return NatsRouter(
        handlers=(
            subscription(MasterGranted, handlers.on_grant),
            subscription(NodeHeartbeat, handlers.on_heartbeat),
            subscription(ReadWebhooksProgress, handlers.on_progress),
        )
    )
