"""What config is asked and told."""

from typing import Final

from faststream.nats import NatsRouter

from services.config.confirm import Backups
from services.config.history import read_history
from services.config.promotion import Promoter
from services.config.reading import read_documents
from services.config.rebuilding import Rebuilder
from services.config.verifying import verify_chain
from services.config.writer import Writer
from shared.clusterlog.log import verify
from shared.domain.ids import Epoch, NodeId
from shared.domain.log import StoredEntry
from shared.events.config import (
    ChainVerified,
    ChangesAccepted,
    DocumentsRead,
    GenerationBegun,
    HistoryRead,
    PauseWrites,
    PromoteAlone,
    ProposeChanges,
    ReadCurrent,
    ReadDocuments,
    ReadHistory,
    ReadPosition,
    RebuildLog,
    ReplicaPosition,
    VerifyChain,
    WritesPaused,
)
from shared.events.failover import MasterGranted
from shared.events.replication import FollowerProgressed
from shared.messaging.middleware import Silent
from shared.messaging.subscription import subscription
from shared.persistence.master_state import MasterState, Pulse
from shared.runtime.grant import GrantHolder

QUEUE: Final = "config"
AT_ONCE: Final = 128
"""Proposals and reads that wait here at the same time; each waits for the log or a revision."""


class Handlers:
    """Config's subscribers."""

    def __init__(
        self, writer: Writer, backups: Backups, state: MasterState, grant: GrantHolder
    ) -> None:
        self._writer = writer
        self._backups = backups
        self._state = state
        self._grant = grant

    async def on_propose(self, proposal: ProposeChanges) -> ChangesAccepted:
        return await self._writer.propose(proposal)

    async def on_read(self, question: ReadDocuments) -> DocumentsRead:
        if question.current and not self._writer.is_acting:
            raise Silent
        answer = await read_documents(self._state, question)
        if question.current and not self._writer.is_acting:
            raise Silent
        return answer

    async def on_read_current(self, question: ReadCurrent) -> DocumentsRead:
        return await self.on_read(question)

    async def on_history(self, question: ReadHistory) -> HistoryRead:
        return await read_history(self._state, question)

    async def on_verify(self, question: VerifyChain) -> ChainVerified:
        replica = self._writer.replica

        def is_signed(stored: StoredEntry) -> bool:
            return verify(stored, replica.trust)

        return await verify_chain(question, self._state, replica.log, is_signed)

    async def on_grant(self, grant: MasterGranted) -> None:
        if not self._grant.offer(grant):
            if grant.paused and self._grant.is_for_another_master(grant):
                self._writer.expect_role()
            return
        self._writer.wake()
        now = self._writer.clock.now()
        await self._state.pulse(Pulse(Epoch(grant.epoch), grant.boot_id, now))

    async def on_lay_down(self, order: PauseWrites) -> WritesPaused:
        paused = MasterGranted(**order.model_dump(), paused=True)
        marker = await self._writer.lay_down(paused)
        mode = self._writer.replica.mode
        return WritesPaused(revision=marker.revision, hash=marker.hash, mode=mode)

    async def on_progress(self, event: FollowerProgressed) -> None:
        await self._backups.progressed(event)
        if self._writer.is_acting:
            self._writer.wake()
        elif event.node == self._writer.replica.node:
            self._writer.followed(event.revision)


def router(handlers: Handlers, node: NodeId) -> NatsRouter:
    """Config's subscriptions; a read goes to any master, a proposal to all."""
    return NatsRouter(
        handlers=(
            subscription(ProposeChanges, handlers.on_propose, max_workers=AT_ONCE),
            subscription(ReadDocuments, handlers.on_read, queue=QUEUE, max_workers=AT_ONCE),
            subscription(ReadCurrent, handlers.on_read_current, max_workers=AT_ONCE),
            subscription(ReadHistory, handlers.on_history, queue=QUEUE, max_workers=AT_ONCE),
            subscription(PauseWrites, handlers.on_lay_down, node=node),
            subscription(VerifyChain, handlers.on_verify, node=node),
            subscription(MasterGranted, handlers.on_grant),
            subscription(FollowerProgressed, handlers.on_progress),
        )
    )


class RebuildHandlers:
    """What config is asked when the log's servers lost it."""

    def __init__(self, rebuilder: Rebuilder) -> None:
        self._rebuilder = rebuilder

    async def on_tell_position(self, question: ReadPosition) -> ReplicaPosition:
        return await self._rebuilder.position(question.revisions)

    async def on_rebuild(self, order: RebuildLog) -> GenerationBegun:
        return await self._rebuilder.rebuild(order)


def rebuilding(handlers: RebuildHandlers, node: NodeId) -> NatsRouter:
    """The question and the order to this master alone."""
    return NatsRouter(
        handlers=(
            subscription(ReadPosition, handlers.on_tell_position, node=node),
            subscription(RebuildLog, handlers.on_rebuild, node=node),
        )
    )


class PromotionHandlers:
    """What config is ordered when the log's servers have no quorum."""

    def __init__(self, promoter: Promoter) -> None:
        self._promoter = promoter

    async def on_promote(self, order: PromoteAlone) -> GenerationBegun:
        return await self._promoter.promote(order)


def promotion(handlers: PromotionHandlers, node: NodeId) -> NatsRouter:
    """The order to this master alone."""
    route = subscription(PromoteAlone, handlers.on_promote, node=node, max_workers=AT_ONCE)
    return NatsRouter(handlers=(route,))
