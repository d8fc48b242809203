"""Reads documents from this master's copy: all that are asked for, or what changed since."""

import asyncio
from collections.abc import Iterable, Sequence
from contextlib import AbstractAsyncContextManager
from typing import Final, Protocol

from services.config.core.news import news
from services.config.core.paging import cut, rows_wanted
from shared.domain.errors import StoreUnavailable
from shared.domain.ids import LogGeneration, Revision
from shared.domain.log import LogEntry, Marker, ReplicationMode, StoredEntry
from shared.events.config import DocumentsRead, Known, ReadDocuments, StoredDocument
from shared.persistence.master_state import Part, State

AT_LEAST_SECONDS: Final = 2.0
POLL_SECONDS: Final = 0.02
MOST_NEWS: Final = 200
"""Entries of the log that are told as news; with more behind, everything is read anew."""


class View(Protocol):
    """The copy at one moment."""

    marker: Marker
    mode: ReplicationMode

    async def entries_behind(
        self, place: tuple[LogGeneration, Revision, str], limit: int
    ) -> tuple[bytes, ...] | None: ...


class Copy(Protocol):
    """This master's database."""

    async def marker(self) -> Marker | None: ...
    async def read(self, kinds: Sequence[str], id_: str | None, part: Part) -> State: ...
    def view(self) -> AbstractAsyncContextManager[View]: ...


async def read_documents(copy: Copy, question: ReadDocuments) -> DocumentsRead:
    """What *question* asks for.

    Raises:
        StoreUnavailable: the database failed, or has not got the revision in time.
    """
    await _arrived(copy, question.at_least)
    told = None if question.since is None else await _news(copy, question.kinds, question.since)
    return await _whole(copy, question) if told is None else told


async def _arrived(copy: Copy, revision: Revision) -> None:
    """Wait until *revision* is applied here."""
    try:
        async with asyncio.timeout(AT_LEAST_SECONDS):
            while revision:
                marker = await copy.marker()
                if marker is not None and marker.revision >= revision:
                    return
                await asyncio.sleep(POLL_SECONDS)
    except TimeoutError:
        raise StoreUnavailable(f"revision {revision} has not arrived here yet") from None


async def _news(copy: Copy, kinds: Sequence[str], known: Known) -> DocumentsRead | None:
    """What changed since *known*; None when that is not known here, or too much."""
    place = known.log_generation, known.revision, known.hash
    async with copy.view() as view:
        messages = await view.entries_behind(place, MOST_NEWS)
        marker, mode = view.marker, view.mode
    if messages is None:
        return None
    entries = (LogEntry.decode(StoredEntry.decode(each).body) for each in messages)
    found = news(entries, kinds)
    _, following = cut(found.documents, None)
    if following is not None:
        return None
    answer = _answer(marker, mode, found.documents)
    return answer.model_copy(update={"since": known.revision, "gone": found.gone})


async def _whole(copy: Copy, question: ReadDocuments) -> DocumentsRead:
    part = Part(question.after, rows_wanted(question.limit))
    state = await copy.read(question.kinds, question.id, part)
    rows, following = cut(state.rows, question.limit)
    documents = (
        StoredDocument(kind=row.kind, id=row.id, revision=row.revision, body=row.body)
        for row in rows
    )
    answer = _answer(state.marker, state.mode, documents)
    return answer.model_copy(update={"next": following})


def _answer(
    marker: Marker, mode: ReplicationMode, documents: Iterable[StoredDocument]
) -> DocumentsRead:
    return DocumentsRead(
        log_generation=marker.log_generation,
        revision=marker.revision,
        epoch=marker.epoch,
        hash=marker.hash,
        mode=mode,
        documents=tuple(documents),
    )
