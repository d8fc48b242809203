"""Obeys the site's orders: drain, undrain, close a session.

An order is kept on disk before it is answered, so that a relay which said "done" has not forgotten
it after a restart. The disk is written in another thread: no order makes a running session wait.
"""

import asyncio
from collections.abc import Callable

from faststream.nats import NatsRouter

from services.relay.core.admission import Admission
from services.relay.core.reception import Effects, Reception
from services.relay.store import RelayFile
from shared.domain.errors import StoreUnavailable
from shared.domain.ids import NodeId, UnixMillis
from shared.events.message import Done
from shared.events.relay import CloseSession, DrainNode, UndrainNode
from shared.messaging.subscription import subscription


class Orders:
    """What the front door may ask of this relay."""

    def __init__(
        self,
        admission: Admission,
        reception: Reception,
        perform: Callable[[Effects], None],
        file: RelayFile,
    ) -> None:
        self._admission = admission
        self._reception = reception
        self._perform = perform
        self._file = file
        self._writing = asyncio.Lock()

    async def on_drain(self, order: DrainNode) -> Done:
        self._admission.order_drain(order.epoch, draining=True)
        self._perform(self._reception.drain())
        return await self._kept()

    async def on_undrain(self, order: UndrainNode) -> Done:
        self._admission.order_drain(order.epoch, draining=False)
        return await self._kept()

    async def on_close_session(self, order: CloseSession) -> Done:
        self._admission.close(order.session, UnixMillis(order.until_unix_ms))
        self._perform(self._reception.close(order.session))
        return await self._kept()

    async def forget_expired(self, unix_ms: UnixMillis) -> None:
        """Drop closed sessions whose tickets have expired, on disk too."""
        if self._admission.forget_expired(unix_ms):
            await self._kept()

    async def _kept(self) -> Done:
        async with self._writing:
            try:
                await asyncio.to_thread(self._file.save, self._admission.remembered())
            except OSError as error:
                raise StoreUnavailable(f"the order holds, but was not kept: {error}") from error
        return Done()


def router(orders: Orders, node: NodeId) -> NatsRouter:
    """The orders that *node*'s relay listens to."""
    return NatsRouter(
        handlers=(
            subscription(DrainNode, orders.on_drain, node=node),
            subscription(UndrainNode, orders.on_undrain, node=node),
            subscription(CloseSession, orders.on_close_session, node=node),
        )
    )
