"""A master's copy of the documents, written by a pen, and read as any master's config reads."""

from collections.abc import Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, field
from typing import Any

from services.config.read.documents import read_documents
from shared.domain.ids import Sequence as LogSequence
from shared.domain.log import LogPosition, StoredEntry
from shared.events.config import ReadDocuments
from shared.events.message import Message, Request
from shared.persistence.master_state import Part, State
from tests.fakes.master_state import MemoryState, MemoryTransaction
from tests.fakes.responder import Responder
from tests.integration.entries import Pen


@dataclass
class Copy(Responder):
    """A master's database, and the pen that writes what it applies."""

    state: MemoryState = field(default_factory=MemoryState)
    pen: Pen = field(default_factory=Pen)

    async def apply(self, *entries: StoredEntry) -> None:
        for stored in entries:
            async with self.state.transaction() as transaction:
                await transaction.apply(stored, LogSequence(transaction.position.sequence + 1))

    async def position(self) -> LogPosition:
        return self.state.at

    async def read(self, kinds: Sequence[str], id_: str | None, part: Part) -> State:
        return await self.state.read(kinds, id_, part)

    def view(self) -> AbstractAsyncContextManager[MemoryTransaction]:
        return self.state.view()

    async def respond(self, request: Request[Any], timeout_seconds: float) -> Message:
        """What config answers."""
        del timeout_seconds
        assert isinstance(request, ReadDocuments)
        return await read_documents(self, request)
