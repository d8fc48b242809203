"""Subscribes to the site's orders for this node: drain, undrain, close a session."""

from faststream.nats import NatsRouter

from services.relay.control.orders import NodeOrders
from shared.domain.ids import NodeId, UnixMillis
from shared.events.message import Done
from shared.events.relay import CloseSession, DrainNode, UndrainNode
from shared.messaging.subscription import subscription


class OrderHandlers:
    """Performs an order and answers that it is done."""

    def __init__(self, orders: NodeOrders) -> None:
        self._orders = orders

    async def on_drain(self, order: DrainNode) -> Done:
        await self._orders.drain(order.epoch)
        return Done()

    async def on_undrain(self, order: UndrainNode) -> Done:
        await self._orders.undrain(order.epoch)
        return Done()

    async def on_close_session(self, order: CloseSession) -> Done:
        await self._orders.close_session(order.session, UnixMillis(order.until_unix_ms))
        return Done()


def router(orders: NodeOrders, node: NodeId) -> NatsRouter:
    """Subscribe *orders* to what *node*'s relay is ordered."""
    handlers = OrderHandlers(orders)
    return NatsRouter(
        handlers=(
            subscription(DrainNode, handlers.on_drain, node=node),
            subscription(UndrainNode, handlers.on_undrain, node=node),
            subscription(CloseSession, handlers.on_close_session, node=node),
        )
    )
