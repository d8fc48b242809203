"""Subscribes to requests for sync, snapshots, history and conflicts."""

from collections.abc import Callable
from typing import Final

from faststream.nats import NatsRouter

from services.replication.conflicts.archive import ConflictArchive
from services.replication.follow.loop import FollowerLoop
from services.replication.history.archiver import EventArchiver
from services.replication.replica.store import MasterStore
from services.replication.snapshots.exchange import SnapshotExchange
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
from shared.events.proof import ProveReplication, ServiceProof
from shared.events.replication import (
    FollowerProgressed,
    FollowerState,
    OfferSnapshot,
    SnapshotOffered,
    SyncNow,
)
from shared.messaging.middleware import Silent
from shared.messaging.subscription import subscription

LONGEST_CAUSE: Final = 400
"""Characters of a cause that a proof repeats; the database chose them."""


class Handlers:
    """Replication's subscribers."""

    def __init__(
        self, follower: FollowerLoop, exchange: SnapshotExchange, archiver: EventArchiver | None
    ) -> None:
        self._follower = follower
        self._exchange = exchange
        self._archiver = archiver

    async def on_sync(self, order: SyncNow) -> FollowerProgressed:
        return await self._follower.sync(resync=order.resync)

    async def on_offer(self, request: OfferSnapshot) -> SnapshotOffered:
        if self._follower.state is not FollowerState.FOLLOWING:
            raise Silent
        if request.scope not in set(Scope):
            raise Rejected(f"{request.scope!r} is no scope of a snapshot: use {', '.join(Scope)}")
        return await self._exchange.offer(Scope(request.scope))

    async def on_history(self, question: ReadStatusHistory) -> StatusHistoryRead:
        answer = None if self._archiver is None else await self._archiver.answer(question)
        if answer is None:
            raise Silent
        return answer


def router(handlers: Handlers, node: NodeId, *, is_master: bool) -> NatsRouter:
    """Build the subscriptions of this node's follower; only masters offer snapshots and history.

    Every master receives a request for a snapshot. One that does not follow the log stays silent,
    so a master that needs a snapshot never answers itself.
    """
    routes = [subscription(SyncNow, handlers.on_sync, node=node)]
    if is_master:
        routes.append(subscription(OfferSnapshot, handlers.on_offer))
        routes.append(subscription(ReadStatusHistory, handlers.on_history))
    return NatsRouter(handlers=routes)


class ProofHandlers:
    """Answers this master's monitor, which asks whether replication works.

    *fault* says what keeps the replica from being the primary's, beside its database.
    """

    def __init__(self, node: NodeId, store: MasterStore, fault: Callable[[], str]) -> None:
        self._node = node
        self._store = store
        self._fault = fault

    async def on_prove(self, _: ProveReplication) -> ServiceProof:
        record = await self._store.prove()
        return ServiceProof(
            node=self._node,
            worked_at=record.worked_at,
            refusals=record.refusals,
            cause=record.cause[:LONGEST_CAUSE] or self._fault(),
        )


def proof_router(handlers: ProofHandlers, node: NodeId) -> NatsRouter:
    """Build the subscription to the question of this master's monitor."""
    return NatsRouter(handlers=(subscription(ProveReplication, handlers.on_prove, node=node),))


class ConflictHandlers:
    """The subscribers for the conflicts that a master has archived."""

    def __init__(self, conflicts: ConflictArchive) -> None:
        self._conflicts = conflicts

    async def on_list(self, _: ReadConflicts) -> ConflictsRead:
        return await self._conflicts.list()

    async def on_read(self, question: ReadConflict) -> ConflictRead:
        return await self._conflicts.read(question)

    async def on_entries(self, question: ReadConflictEntries) -> ConflictEntries:
        return await self._conflicts.entries(question)

    async def on_keep(self, order: KeepConflict) -> Done:
        await self._conflicts.bring_back(order)
        return Done()

    async def on_resolve(self, order: ResolveConflict) -> ConflictResolved:
        return ConflictResolved(line=await self._conflicts.resolve(order))


def conflict_router(handlers: ConflictHandlers, node: NodeId) -> NatsRouter:
    """Build the subscriptions for the conflicts of this master."""
    return NatsRouter(
        handlers=(
            subscription(ReadConflicts, handlers.on_list, node=node),
            subscription(ReadConflict, handlers.on_read, node=node),
            subscription(ReadConflictEntries, handlers.on_entries, node=node),
            subscription(KeepConflict, handlers.on_keep, node=node),
            subscription(ResolveConflict, handlers.on_resolve, node=node),
        )
    )
