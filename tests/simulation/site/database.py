"""A node's database: what it holds outlives the processes, its locks do not."""

import asyncio
from collections.abc import AsyncGenerator, Callable, Iterable, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass

from services.replication.core.snapshot import Content, Snapshot
from services.replication.replica.store import Copy as Parts
from shared.domain.document import Document
from shared.domain.errors import StoreUnavailable
from shared.domain.ids import NodeId, Revision
from shared.domain.ids import Sequence as LogSequence
from shared.domain.log import LogPosition, StoredEntry
from shared.domain.snapshot import Scope
from shared.persistence.conflicts import Conflict
from shared.persistence.master_state import Pulse, State
from tests.fakes.master_state import MemoryState, MemoryTransaction

Committed = Callable[[NodeId, MemoryTransaction], None]


@dataclass(frozen=True, slots=True)
class KeptConflict:
    """What a master had alone, and the entries that it is made of."""

    conflict: Conflict
    entries: tuple[StoredEntry, ...]


class Database(MemoryState):
    """A database that calls *committed* with what was committed."""

    def __init__(self, node: NodeId, committed: Committed) -> None:
        super().__init__()
        self._node = node
        self._committed = committed
        self._pulse: Pulse | None = None
        self.conflicts: dict[str, KeptConflict] = {}
        """They stand beside the state, so nothing that replaces it touches them."""

    def reconnect(self) -> None:
        """The processes that had connections are gone, and their locks with them."""
        self._lock = asyncio.Lock()

    @asynccontextmanager
    async def transaction(self) -> AsyncGenerator[MemoryTransaction]:
        before = self.here.position
        async with super().transaction() as draft:
            yield draft
        if self.here.position != before:
            self._committed(self._node, self.here)

    @asynccontextmanager
    async def view(self) -> AsyncGenerator[MemoryTransaction]:
        """The state of one moment; what is committed later is another one."""
        self.require_up()
        yield self.here

    async def hashes(self, revisions: Iterable[Revision]) -> dict[Revision, str]:
        """The hashes that this copy's history has at *revisions*, as far as it keeps them."""
        self.require_up()
        known = {revision: stored.hash for revision, stored in self.here.entries.items()}
        known[self.here.position.revision] = self.here.position.hash
        return {each: known[each] for each in revisions if each in known}

    async def record_pulse(self, pulse: Pulse) -> None:
        self.require_up()
        if self.refusals:
            raise StoreUnavailable("the database did not commit")
        self._pulse = pulse

    async def last_pulse(self) -> Pulse | None:
        self.require_up()
        return self._pulse

    async def read(self, kinds: Sequence[str] = (), id_: str | None = None) -> State:
        """What is committed; it waits for no lock, and copies nothing."""
        self.require_up()
        return State(self.here.position, self.here.mode, await self.here.documents(kinds, id_))


class Store:
    """A database as its node's follower and its node's examiner see it."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def position(self) -> LogPosition | None:
        return (await self._database.read()).position

    async def apply(self, stored: StoredEntry, sequence: LogSequence) -> None:
        async with self._database.transaction() as transaction:
            await transaction.apply(stored, sequence)

    async def load(self, content: Content) -> None:
        parts = tuple(content.chunks())
        async with self._database.transaction() as transaction:
            transaction.position, transaction.mode = content.position, content.mode
            transaction.documents_by_ref = {
                each.ref: each for part in parts for each in part.documents
            }
            transaction.entries = {}
            transaction.requests = {
                each.request_id: each for part in parts for each in part.requests
            }

    async def snapshot(self) -> Snapshot:
        here = self._database.here
        state = await self._database.read()
        requests = tuple(here.requests.values())
        return Snapshot(here.position, here.mode, state.documents, requests)

    async def nodes(self) -> tuple[Document, ...]:
        return (await self._database.read(("node",))).documents

    def copy(self, scope: Scope) -> AbstractAsyncContextManager[Parts]:
        raise AssertionError(f"nobody asks this copy for a snapshot of scope {scope} in parts")

    async def read(self, kinds: Sequence[str] = (), id_: str | None = None) -> State:
        return await self._database.read(kinds, id_)

    async def last_pulse(self) -> Pulse | None:
        return await self._database.last_pulse()
