"""Records what becomes of each use of the replica's store, to show it to this master's monitor."""

import asyncio
from collections.abc import AsyncGenerator
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass, field
from typing import Final

from services.replication.core.snapshot import Content, Snapshot
from services.replication.core.work_record import WorkRecord
from services.replication.replica.store import FollowerStore, ReplicaCopy
from shared.domain.document import Document
from shared.domain.errors import StoreUnavailable
from shared.domain.ids import Sequence
from shared.domain.log import LogPosition, StoredEntry
from shared.domain.snapshot import Scope
from shared.runtime.clock import Clock

IDLE_SECONDS: Final = 2.0
"""A follower that reads the log looks into its database more often than this."""

READ_SECONDS: Final = 1.0
"""The time limit of a read that is made only to see whether the database answers."""


@dataclass
class WatchedStore:
    """A store whose every use is recorded in *record*."""

    store: FollowerStore
    clock: Clock
    record: WorkRecord = field(default_factory=WorkRecord)

    async def position(self) -> LogPosition | None:
        async with self._reading():
            return await self.store.position()

    async def apply(self, stored: StoredEntry, sequence: Sequence) -> None:
        async with self._applying():
            await self.store.apply(stored, sequence)

    async def load(self, content: Content) -> None:
        async with self._applying():
            await self.store.load(content)

    async def snapshot(self) -> Snapshot:
        async with self._reading():
            return await self.store.snapshot()

    def copy(self, scope: Scope) -> AbstractAsyncContextManager[ReplicaCopy]:
        return self.store.copy(scope)

    async def nodes(self) -> tuple[Document, ...]:
        async with self._reading():
            return await self.store.nodes()

    async def prove(self) -> WorkRecord:
        """Return what is known of the database; it is read when it was not used for a while."""
        if self.clock.now() - self.record.worked_at > IDLE_SECONDS:
            try:
                async with asyncio.timeout(READ_SECONDS):
                    await self.position()
            except StoreUnavailable:
                pass  # it is recorded
            except TimeoutError:
                limit = f"the database did not answer within {READ_SECONDS:g} s"
                self.record.record_failure(StoreUnavailable(limit))
        return self.record

    @asynccontextmanager
    async def _reading(self) -> AsyncGenerator[None]:
        async with self._recorded_failures():
            yield
            self.record.record_read(self.clock.now())

    @asynccontextmanager
    async def _applying(self) -> AsyncGenerator[None]:
        async with self._recorded_failures():
            yield
            self.record.record_apply(self.clock.now())

    @asynccontextmanager
    async def _recorded_failures(self) -> AsyncGenerator[None]:
        try:
            yield
        except StoreUnavailable as error:
            self.record.record_failure(error)
            raise
