"""Reads documents from this master's copy: all that are asked for, or what changed since."""

import asyncio
from collections.abc import Iterable, Sequence
from contextlib import AbstractAsyncContextManager
from typing import Final, Protocol

from services.config.core.changes import changed_documents
from services.config.core.paging import first_page, read_limit
from shared.domain.document import Document
from shared.domain.errors import StoreUnavailable
from shared.domain.ids import Revision
from shared.domain.log import LogEntry, LogPosition, ReplicationMode, StoredEntry
from shared.events.config import DocumentsRead, ReadDocuments
from shared.persistence.master_state import Part, State

AT_LEAST_SECONDS: Final = 2.0
POLL_SECONDS: Final = 0.02
LARGEST_DIFFERENCE: Final = 200
"""Most entries of the log whose changes are sent; a reader further behind gets everything."""


class View(Protocol):
    """The copy at one moment."""

    position: LogPosition
    mode: ReplicationMode

    async def entries_behind(self, place: LogPosition, limit: int) -> tuple[bytes, ...] | None: ...


class ReplicaDocuments(Protocol):
    """This master's database."""

    async def position(self) -> LogPosition | None: ...
    async def read(self, kinds: Sequence[str], id_: str | None, part: Part) -> State: ...
    def view(self) -> AbstractAsyncContextManager[View]: ...


async def read_documents(copy: ReplicaDocuments, question: ReadDocuments) -> DocumentsRead:
    """Return the answer to *question*.

    Raises:
        StoreUnavailable: the database failed, or has not got the revision in time.
    """
    await _wait_for_revision(copy, question.at_least)
    if question.since is not None:
        changes = await _read_changes(copy, question.kinds, question.since)
        if changes is not None:
            return changes
    return await _read_page(copy, question)


async def _wait_for_revision(copy: ReplicaDocuments, revision: Revision) -> None:
    """Wait until *revision* is applied here."""
    try:
        async with asyncio.timeout(AT_LEAST_SECONDS):
            while revision:
                position = await copy.position()
                if position is not None and position.revision >= revision:
                    return
                await asyncio.sleep(POLL_SECONDS)
    except TimeoutError:
        raise StoreUnavailable(f"revision {revision} has not arrived here yet") from None


async def _read_changes(
    copy: ReplicaDocuments, kinds: Sequence[str], known: LogPosition
) -> DocumentsRead | None:
    """Read what changed since *known*; None when that is not known here, or too much."""
    async with copy.view() as view:
        messages = await view.entries_behind(known, LARGEST_DIFFERENCE)
        position, mode = view.position, view.mode
    if messages is None:
        return None
    entries = (LogEntry.decode(StoredEntry.decode(each).body) for each in messages)
    found = changed_documents(entries, kinds)
    _, following = first_page(found.documents, None)
    if following is not None:
        return None
    answer = _answer(position, mode, found.documents)
    return answer.model_copy(update={"since": known.revision, "gone": found.gone})


async def _read_page(copy: ReplicaDocuments, question: ReadDocuments) -> DocumentsRead:
    part = Part(question.after, read_limit(question.limit))
    state = await copy.read(question.kinds, question.id, part)
    documents, following = first_page(state.documents, question.limit)
    answer = _answer(state.position, state.mode, documents)
    return answer.model_copy(update={"next": following})


def _answer(
    position: LogPosition, mode: ReplicationMode, documents: Iterable[Document]
) -> DocumentsRead:
    return DocumentsRead(
        position=position,
        mode=mode,
        documents=tuple(documents),
    )
