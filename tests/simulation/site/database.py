"""A node's database: what it holds outlives the processes, its locks do not."""

import asyncio
from collections.abc import AsyncGenerator, Callable
from contextlib import asynccontextmanager

from shared.domain.ids import NodeId
from tests.fakes.master_state import MemoryState, MemoryTransaction

Committed = Callable[[NodeId, MemoryTransaction], None]


class Database(MemoryState):
    """A database that calls *committed* with what was committed."""

    def __init__(self, node: NodeId, committed: Committed) -> None:
        super().__init__()
        self._node = node
        self._committed = committed

    def reconnect(self) -> None:
        """Release the locks of the processes that had connections and are gone."""
        self._lock = asyncio.Lock()

    @asynccontextmanager
    async def transaction(self) -> AsyncGenerator[MemoryTransaction]:
        before = self.here.position
        async with super().transaction() as draft:
            yield draft
        if self.here.position != before:
            self._committed(self._node, self.here)
