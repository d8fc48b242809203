"""What replication is asked."""

from faststream.nats import NatsRoute, NatsRouter

from services.replication.exchange import Exchange
from services.replication.following import Following
from shared.events.replication import FollowerProgressed, OfferSnapshot, SnapshotOffered, SyncNow


class Handlers:
    """Replication's subscribers."""

    def __init__(self, following: Following, exchange: Exchange) -> None:
        self._following = following
        self._exchange = exchange

    async def on_sync(self, order: SyncNow) -> FollowerProgressed:
        return await self._following.sync(resync=order.resync)

    async def on_offer(self, wish: OfferSnapshot) -> SnapshotOffered:
        return await self._exchange.offer(wish.scope)


def router(handlers: Handlers, node: str, *, is_master: bool) -> NatsRouter:
    """The subscriptions of this node's follower; only masters offer snapshots."""
    routes = [NatsRoute(handlers.on_sync, SyncNow.subject.address(node=node))]
    if is_master:
        subject = OfferSnapshot.subject.wildcard
        routes.append(NatsRoute(handlers.on_offer, subject, queue="replication"))
    return NatsRouter(handlers=routes)
