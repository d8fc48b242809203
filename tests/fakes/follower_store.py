"""A follower's copy in memory: a master's database as its follower and its health check see it."""

from collections.abc import Sequence
from contextlib import AbstractAsyncContextManager

from services.replication.core.snapshot import Content, Snapshot
from services.replication.replica.store import ReplicaCopy
from shared.domain.document import Document
from shared.domain.ids import Sequence as LogSequence
from shared.domain.log import LogPosition, StoredEntry
from shared.domain.snapshot import Scope
from shared.persistence.master_state import State
from tests.fakes.master_state import MemoryState


class MemoryFollowerStore:
    """A follower's store over a database in memory; *applied* are the sequences, in order."""

    def __init__(self, state: MemoryState | None = None) -> None:
        self.state = state or MemoryState()
        self.applied: list[int] = []

    @property
    def at(self) -> LogPosition:
        """Where the copy is."""
        return self.state.here.position

    async def position(self) -> LogPosition | None:
        return await self.state.position()

    async def apply(self, stored: StoredEntry, sequence: LogSequence) -> None:
        async with self.state.transaction() as transaction:
            is_new = await transaction.apply(stored, sequence)
        self.applied += [sequence] if is_new else []

    async def load(self, content: Content) -> None:
        parts = tuple(content.chunks())
        async with self.state.transaction() as transaction:
            transaction.position, transaction.mode = content.position, content.mode
            transaction.documents_by_ref = {
                each.ref: each for part in parts for each in part.documents
            }
            transaction.entries = {}
            transaction.requests = {
                each.request_id: each for part in parts for each in part.requests
            }

    async def snapshot(self) -> Snapshot:
        here = self.state.here
        state = await self.state.read()
        return Snapshot(here.position, here.mode, state.documents, tuple(here.requests.values()))

    async def nodes(self) -> tuple[Document, ...]:
        return (await self.state.read(("node",))).documents

    def copy(self, scope: Scope) -> AbstractAsyncContextManager[ReplicaCopy]:
        raise AssertionError(f"nobody asks this copy for a snapshot of scope {scope} in parts")

    async def read(self, kinds: Sequence[str] = (), id_: str | None = None) -> State:
        return await self.state.read(kinds, id_)
