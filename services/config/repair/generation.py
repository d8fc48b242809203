"""Begins a generation of the log: its stream, its lease and its first entry.

The first entry is written as every entry is: applied in a transaction, appended by compare-and-set,
committed. So of two masters that begin one at once the second finds that the first has done it, and
one whose answer was lost finds the generation begun.
"""

import contextlib
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Final

from services.config.core.rebuilding import Beginning, MasterPosition, first_entry
from shared.clusterlog.generations import BegunGeneration, find_next_generation
from shared.clusterlog.log import ClusterLog, EntrySigner, LogConflict
from shared.crypto.nodekeys import TrustStore
from shared.domain.errors import LogNotLost
from shared.domain.ids import LogGeneration
from shared.domain.ids import Sequence as LogSequence
from shared.domain.log import StoredEntry
from shared.persistence.master_state import MasterState
from shared.runtime.clock import Clock

FIRST: Final = LogSequence(1)


@dataclass
class LogStreams:
    """The streams of the log's generations, on its NATS servers.

    *make_lease* makes the lease's bucket, of so many replicas, where it is missing, for the
    generation that begins.
    """

    log: ClusterLog
    trust: TrustStore
    make_lease: Callable[[int, LogGeneration], Awaitable[None]]

    async def next_generation(self, last: LogGeneration) -> LogGeneration:
        """Find the first generation after *last* whose stream holds nothing.

        Raises:
            LogNotLost: one of them has begun.
        """
        found = await find_next_generation(self.log.of(last), self.trust)
        if isinstance(found, BegunGeneration):
            raise LogNotLost(
                f"the log was rebuilt already, as generation {found.generation}; nothing was done"
            )
        return found

    async def make(self, generation: LogGeneration, replicas: int) -> ClusterLog:
        """Make the generation's stream and lease; two masters may make the same ones.

        Raises:
            LogUnavailable: JetStream did not do it; try again.
        """
        log = self.log.of(generation)
        with contextlib.suppress(LogConflict):  # the first append decides whose stream it is
            await log.create(replicas)
        await self.make_lease(replicas, generation)
        return log


@dataclass(frozen=True)
class GenerationStarter:
    """Writes the first entry of a generation from this master's database."""

    signer: EntrySigner
    state: MasterState
    streams: LogStreams
    clock: Clock

    async def start(
        self, own: MasterPosition, beginning: Beginning, replicas: int
    ) -> StoredEntry | None:
        """Write the first entry, after *own*; None when another master was faster.

        Raises:
            Unavailable: JetStream or the database did not do it; try again.
        """
        log = await self.streams.make(beginning.generation, replicas)
        stored = self.signer.sign(first_entry(own, beginning, self.clock.unix_ms()))
        try:
            async with self.state.transaction() as transaction:
                if transaction.position != own.position:
                    return None
                await transaction.apply(stored, FIRST)
                await log.append(stored, LogSequence(0))
        except LogConflict:
            return None
        return stored
