from typing import Any

import pytest

from shared.domain.document import Document, Ref
from shared.domain.errors import Unavailable
from shared.domain.ids import Epoch, LogGeneration, Revision, Sequence
from shared.domain.log import LogPosition, ReplicationMode
from shared.events.config import DocumentsRead, ReadDocuments
from shared.events.message import Message, Request
from shared.messaging.reading import read_documents
from tests.fakes.responder import Responder


def position(revision: int) -> LogPosition:
    return LogPosition(
        *(LogGeneration(1), Revision(revision), Sequence(revision)), Epoch(1), f"of {revision}"
    )


def page(revision: int, *names: str, following: Ref | None = None) -> DocumentsRead:
    return DocumentsRead(
        position=position(revision),
        mode=ReplicationMode.SYNCHRONOUS,
        documents=tuple(
            Document(kind="node", id=name, revision=Revision(1), body={}) for name in names
        ),
        next=following,
    )


class Masters(Responder):
    """Answers each question with the next page; None is nobody's answer."""

    def __init__(self, *pages: DocumentsRead | None) -> None:
        self.pages = list(pages)
        self.asked: list[ReadDocuments] = []

    async def respond(self, request: Request[Any], timeout_seconds: float) -> Message:
        del timeout_seconds
        assert isinstance(request, ReadDocuments)
        self.asked.append(request)
        answer = self.pages.pop(0)
        if answer is None:
            raise Unavailable("nobody answered")
        return answer


async def read(masters: Masters, since: LogPosition | None = None) -> DocumentsRead:
    question = ReadDocuments(kinds=("node",), at_least=Revision(2), since=since)
    return await read_documents(masters, question, page_seconds=1, attempt_seconds=1)


async def test_one_page_is_the_answer() -> None:
    masters = Masters(page(7, "a", "b"))

    assert await read(masters) == page(7, "a", "b")
    assert [each.at_least for each in masters.asked] == [2]


async def test_pages_are_joined_and_each_begins_after_the_one_before() -> None:
    masters = Masters(page(7, "a", following=Ref("node", "a")), page(7, "b"))

    assert await read(masters) == page(7, "a", "b")
    assert [each.after for each in masters.asked] == [None, ("node", "a")]
    assert [each.at_least for each in masters.asked] == [2, 7]


async def test_what_is_read_while_others_write_is_as_of_the_smallest_revision() -> None:
    masters = Masters(page(7, "a", following=Ref("node", "a")), page(9, "b"))

    assert (await read(masters)).revision == 7


async def test_what_changed_since_is_asked_for_once_and_kept_as_of_the_smallest_revision() -> None:
    masters = Masters(page(7, "a", following=Ref("node", "a")), page(9, "b"))
    known = position(5)

    found = await read(masters, since=known)

    assert [each.since for each in masters.asked] == [known, None]
    assert (found.position, found.next) == (position(7), None)


async def test_half_of_the_documents_are_no_answer() -> None:
    with pytest.raises(Unavailable):
        await read(Masters(page(7, "a", following=Ref("node", "a")), None))
