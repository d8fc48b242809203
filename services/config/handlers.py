"""Passes each of config's messages to the room that acts on it."""

from typing import Final

from faststream.nats import NatsRouter

from services.config.read.chain import verify_chain
from services.config.read.documents import read_documents
from services.config.read.history import read_history
from services.config.repair.positions import PositionReporter
from services.config.repair.promotion import Promoter
from services.config.repair.rebuilding import Rebuilder
from services.config.write.prover import Prover
from services.config.write.writer import Writer
from shared.clusterlog.log import verify
from shared.domain.errors import StoreUnavailable
from shared.domain.ids import NodeId
from shared.domain.log import StoredEntry
from shared.events.config import (
    ChainVerified,
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
from shared.events.proof import ProveConfig
from shared.events.replication import FollowerProgressed
from shared.messaging.middleware import Silent
from shared.messaging.subscription import subscription
from shared.persistence.master_state import MasterState

QUEUE: Final = "config"
AT_ONCE: Final = 128
"""Proposals and reads that wait here at the same time; each waits for the log or a revision."""


class WriteHandlers:
    """Passes orders to pause and the followers' progress to the writer."""

    def __init__(self, writer: Writer) -> None:
        self._writer = writer

    async def on_pause_writes(self, order: PauseWrites) -> WritesPaused:
        paused = MasterGranted(**order.model_dump(), paused=True)
        return await self._writer.pause_writes(paused)

    async def on_progress(self, event: FollowerProgressed) -> None:
        self._writer.record_progress(event)


class ReadHandlers:
    """Answers questions about the configuration and its log."""

    def __init__(self, writer: Writer, state: MasterState) -> None:
        self._writer = writer
        self._state = state

    async def on_read(self, question: ReadDocuments) -> DocumentsRead:
        if question.current and not self._writer.is_acting:
            raise Silent
        answer = await read_documents(self._state, question)
        if question.current and not self._writer.is_acting:
            raise Silent
        return answer

    async def on_read_current(self, question: ReadCurrent) -> DocumentsRead:
        """Answer as the primary; or beside others, where a failing database is no answer."""
        try:
            return await self.on_read(question)
        except StoreUnavailable:
            if question.current:
                raise
            raise Silent from None

    async def on_history(self, question: ReadHistory) -> HistoryRead:
        return await read_history(self._state, question)

    async def on_verify(self, question: VerifyChain) -> ChainVerified:
        replica = self._writer.replica

        def is_signed(stored: StoredEntry) -> bool:
            return verify(stored, replica.trust)

        return await verify_chain(question, self._state, replica.log, is_signed)


class RepairHandlers:
    """Answers the question and the orders for a log that its servers lost, or without a quorum."""

    def __init__(
        self, reporter: PositionReporter, rebuilder: Rebuilder, promoter: Promoter
    ) -> None:
        self._reporter = reporter
        self._rebuilder = rebuilder
        self._promoter = promoter

    async def on_read_position(self, question: ReadPosition) -> ReplicaPosition:
        return await self._reporter.report(question.revisions)

    async def on_rebuild(self, order: RebuildLog) -> GenerationBegun:
        return await self._rebuilder.rebuild(order)

    async def on_promote(self, order: PromoteAlone) -> GenerationBegun:
        return await self._promoter.promote(order)


def router(writer: Writer, read: ReadHandlers, node: NodeId) -> NatsRouter:
    """Build the daily subscriptions; a read goes to any master, a proposal to all of them.

    Proposals and grants go straight to the writer.
    """
    write = WriteHandlers(writer)
    return NatsRouter(
        handlers=(
            subscription(ProposeChanges, writer.propose, max_workers=AT_ONCE),
            subscription(ReadDocuments, read.on_read, queue=QUEUE, max_workers=AT_ONCE),
            subscription(ReadCurrent, read.on_read_current, max_workers=AT_ONCE),
            subscription(ReadHistory, read.on_history, queue=QUEUE, max_workers=AT_ONCE),
            subscription(PauseWrites, write.on_pause_writes, node=node),
            subscription(VerifyChain, read.on_verify, node=node),
            subscription(MasterGranted, writer.accept_grant),
            subscription(FollowerProgressed, write.on_progress),
        )
    )


def proof_router(prover: Prover, node: NodeId) -> NatsRouter:
    """Build the subscription to the question of this master's monitor."""
    return NatsRouter(handlers=(subscription(ProveConfig, prover.on_prove, node=node),))


def repair_router(repair: RepairHandlers, node: NodeId) -> NatsRouter:
    """Build the subscriptions to the question and the orders to this master alone."""
    return NatsRouter(
        handlers=(
            subscription(ReadPosition, repair.on_read_position, node=node),
            subscription(RebuildLog, repair.on_rebuild, node=node),
            subscription(PromoteAlone, repair.on_promote, node=node, max_workers=AT_ONCE),
        )
    )
