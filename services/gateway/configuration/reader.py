"""Reads the configuration from any master, or from the primary alone.

A master whose config sleeps still gets its share of the questions. So a question that nobody
answered is put to all masters at once, and the first answer counts.
"""

from contextlib import suppress
from typing import Final, cast

from shared.documents import Kind
from shared.documents.user import UserDocument
from shared.domain.document import Document, Ref
from shared.domain.errors import NotFound, Unavailable
from shared.domain.ids import Revision
from shared.events.config import (
    DocumentsRead,
    HistoryRead,
    ReadCurrent,
    ReadDocuments,
    ReadHistory,
)
from shared.events.message import Reply, Request
from shared.messaging.ports import Asks
from shared.messaging.reading import read_documents

READ_SECONDS: Final = 3.0
ATTEMPT_SECONDS: Final = 0.5
HISTORY_ATTEMPT_SECONDS: Final = 1.0


class AnyMaster:
    """Asks one master, and all of them when that one is silent or cannot answer."""

    def __init__(self, publisher: Asks) -> None:
        self._publisher = publisher

    async def ask(
        self,
        request: Request[Reply],
        *,
        timeout_seconds: float,
        attempt_seconds: float | None = None,
    ) -> Reply:
        """Return the answer of any master to *request*; see `Publisher.ask`.

        Raises:
            Unavailable: no master answered in time.
        """
        first = attempt_seconds or timeout_seconds
        whole = question_to_all(request)
        if whole is None or first >= timeout_seconds:
            return await self._publisher.ask(
                request, timeout_seconds=timeout_seconds, attempt_seconds=attempt_seconds
            )
        with suppress(Unavailable):
            return await self._publisher.ask(request, timeout_seconds=first, attempt_seconds=first)
        left = timeout_seconds - first
        return await self._publisher.ask(whole, timeout_seconds=left, attempt_seconds=left)


def question_to_all(request: Request[Reply]) -> Request[Reply] | None:
    """Return what *request* asks of any master as a question to all; None: it is to all already."""
    if not isinstance(request, ReadDocuments) or isinstance(request, ReadCurrent):
        return None
    return cast("Request[Reply]", ReadCurrent.model_validate(request.model_dump()))


class ConfigurationReader:
    """Asks the config services of the masters for documents and for the history of changes."""

    def __init__(self, publisher: Asks) -> None:
        self._publisher = publisher
        self._masters = AnyMaster(publisher)

    async def read(
        self, *kinds: Kind, id_: str | None = None, at_least: Revision = Revision(0)
    ) -> DocumentsRead:
        """Read the documents of *kinds* from any master."""
        return await self._read(ReadDocuments(kinds=kinds, id=id_, at_least=at_least))

    async def user(self, name: str) -> UserDocument | None:
        """Return the document of the user *name*; None when there is none.

        Raises:
            Unavailable: no master answered.
        """
        try:
            document = await self.document(Kind.USER, name)
        except NotFound:
            return None
        return UserDocument.model_validate(document.body)

    async def _read(self, question: ReadDocuments) -> DocumentsRead:
        return await read_documents(
            self._masters,
            question,
            page_seconds=READ_SECONDS,
            attempt_seconds=ATTEMPT_SECONDS,
        )

    async def page(self, kind: Kind, limit: int, after: str | None) -> DocumentsRead:
        """Read at most *limit* documents of *kind*, those after the one called *after*."""
        place = None if after is None else Ref(kind, after)
        question = ReadDocuments(kinds=(kind,), after=place, limit=limit)
        return await self._masters.ask(
            question, timeout_seconds=READ_SECONDS, attempt_seconds=ATTEMPT_SECONDS
        )

    async def history(self, question: ReadHistory) -> HistoryRead:
        """Read the history of changes from any master."""
        return await self._publisher.ask(
            question, timeout_seconds=READ_SECONDS, attempt_seconds=HISTORY_ATTEMPT_SECONDS
        )

    async def document(self, kind: Kind, id_: str, *, is_current: bool = False) -> Document:
        """Read one document from any master, or, if *is_current*, from the primary.

        Raises:
            NotFound: there is none of that name.
            Unavailable: no master answered, or none is the primary.
        """
        question = ReadCurrent if is_current else ReadDocuments
        found = await self._read(question(kinds=(kind,), id=id_))
        for document in found.documents:
            if document.kind == kind and document.id == id_:
                return document
        raise NotFound(f"there is no {kind} {id_!r}", kind=kind, id=id_)
