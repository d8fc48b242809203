"""What replication is asked."""

from faststream.nats import NatsRouter

from services.replication.chronicle import Chronicle
from services.replication.conflicts import ConflictKeeper
from services.replication.exchange import Exchange
from services.replication.following import Following
from shared.domain.errors import Rejected
from shared.domain.ids import NodeId
from shared.domain.snapshot import Scope
from shared.events.conflict import (
    ConflictEntries,
    ConflictRead,
    ConflictResolved,
    ConflictsRead,
    KeepConflict,
    ReadConflict,
    ReadConflictEntries,
    ReadConflicts,
    ResolveConflict,
)
from shared.events.message import Done
from shared.events.operation import ReadStatusHistory, StatusHistoryRead
from shared.events.replication import (
    FollowerProgressed,
    FollowerState,
    OfferSnapshot,
    SnapshotOffered,
    SyncNow,
)
from shared.messaging.middleware import Silent
from shared.messaging.subscription import subscription


class Handlers:
    """Replication's subscribers."""

    def __init__(
        self, following: Following, exchange: Exchange, chronicle: Chronicle | None
    ) -> None:
        self._following = following
        self._exchange = exchange
        self._chronicle = chronicle

    async def on_sync(self, order: SyncNow) -> FollowerProgressed:
        return await self._following.sync(resync=order.resync)

    async def on_offer(self, wish: OfferSnapshot) -> SnapshotOffered:
        if self._following.state is not FollowerState.FOLLOWING:
            raise Silent
        if wish.scope not in set(Scope):
            raise Rejected(f"{wish.scope!r} is no scope of a snapshot: use {', '.join(Scope)}")
        return await self._exchange.offer(Scope(wish.scope))

    async def on_history(self, question: ReadStatusHistory) -> StatusHistoryRead:
        answer = None if self._chronicle is None else await self._chronicle.answer(question)
        if answer is None:
            raise Silent
        return answer


def router(handlers: Handlers, node: NodeId, *, is_master: bool) -> NatsRouter:
    """The subscriptions of this node's follower; only masters offer snapshots and keep a history.

    Every master hears the wish, and those that do not follow the log stay silent: so a master that
    needs a snapshot is never answered by itself.
    """
    routes = [subscription(SyncNow, handlers.on_sync, node=node)]
    if is_master:
        routes.append(subscription(OfferSnapshot, handlers.on_offer))
        routes.append(subscription(ReadStatusHistory, handlers.on_history))
    return NatsRouter(handlers=routes)


class ConflictHandlers:
    """What a master is asked about what it had alone."""

    def __init__(self, keeper: ConflictKeeper) -> None:
        self._keeper = keeper

    async def on_list(self, _: ReadConflicts) -> ConflictsRead:
        return await self._keeper.list()

    async def on_read(self, question: ReadConflict) -> ConflictRead:
        return await self._keeper.read(question)

    async def on_entries(self, question: ReadConflictEntries) -> ConflictEntries:
        return await self._keeper.entries(question)

    async def on_keep(self, order: KeepConflict) -> Done:
        await self._keeper.bring_back(order)
        return Done()

    async def on_resolve(self, order: ResolveConflict) -> ConflictResolved:
        return ConflictResolved(line=await self._keeper.resolve(order))


def conflict_router(handlers: ConflictHandlers, node: NodeId) -> NatsRouter:
    """The questions to this master alone."""
    return NatsRouter(
        handlers=(
            subscription(ReadConflicts, handlers.on_list, node=node),
            subscription(ReadConflict, handlers.on_read, node=node),
            subscription(ReadConflictEntries, handlers.on_entries, node=node),
            subscription(KeepConflict, handlers.on_keep, node=node),
            subscription(ResolveConflict, handlers.on_resolve, node=node),
        )
    )
