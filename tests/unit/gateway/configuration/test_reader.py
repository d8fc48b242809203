"""Whom a gateway asks for documents: one master, then all; for what is now the primary alone."""

from dataclasses import dataclass, field
from typing import Any

import pytest

from services.gateway.configuration.reader import READ_SECONDS, ConfigurationReader
from shared.documents import Kind
from shared.domain.document import Document
from shared.domain.errors import MeridianError, NotFound, StoreUnavailable, Unavailable
from shared.domain.ids import LogGeneration, Revision
from shared.domain.log import ReplicationMode, empty_position
from shared.events.config import DocumentsRead, ReadCurrent, ReadDocuments
from shared.events.message import Message, Request
from tests.fakes.responder import Responder

ADMIN = Document(Kind.USER, "admin", Revision(1), {"role": "administrator"})
FOUND = DocumentsRead(
    position=empty_position(LogGeneration(1)),
    mode=ReplicationMode.SYNCHRONOUS,
    documents=(ADMIN,),
)
SILENCE = Unavailable("nobody answered")


@dataclass
class Masters(Responder):
    """Masters of which the one that is asked first gives *one*, and all together *everybody*."""

    one: DocumentsRead | MeridianError
    everybody: DocumentsRead | MeridianError = SILENCE
    questions: list[tuple[ReadDocuments, float]] = field(
        default_factory=list[tuple[ReadDocuments, float]]
    )

    async def respond(self, request: Request[Any], timeout_seconds: float) -> Message:
        assert isinstance(request, ReadDocuments)
        self.questions.append((request, timeout_seconds))
        answer = self.everybody if isinstance(request, ReadCurrent) else self.one
        if isinstance(answer, MeridianError):
            raise answer
        return answer


async def test_one_master_that_answers_is_asked_alone() -> None:
    masters = Masters(FOUND)
    assert await ConfigurationReader(masters).document(Kind.USER, "admin") == ADMIN
    assert [type(question) for question, _ in masters.questions] == [ReadDocuments]


@pytest.mark.parametrize("trouble", [SILENCE, StoreUnavailable("the database is away")])
async def test_all_masters_are_asked_when_one_is_silent_or_cannot_answer(
    trouble: MeridianError,
) -> None:
    masters = Masters(trouble, FOUND)
    found = await ConfigurationReader(masters).read(Kind.USER, id_="admin", at_least=Revision(7))
    assert found.documents == (ADMIN,)
    (first, patience), (second, more_patience) = masters.questions
    assert isinstance(second, ReadCurrent)
    assert second.model_dump() == first.model_dump(), "the same question, and to whoever can"
    assert not second.current
    assert patience < 1.0
    assert patience + more_patience == READ_SECONDS


async def test_a_page_and_a_user_are_read_from_whoever_answers() -> None:
    assert (await ConfigurationReader(Masters(SILENCE, FOUND)).page(Kind.USER, 10, None)) == FOUND
    user = await ConfigurationReader(Masters(SILENCE, FOUND)).user("admin")
    assert user is not None
    assert user.role == "administrator"


async def test_what_is_now_is_asked_of_the_primary_alone_and_once() -> None:
    masters = Masters(FOUND, SILENCE)
    with pytest.raises(Unavailable):
        await ConfigurationReader(masters).document(Kind.USER, "admin", is_current=True)
    ((question, patience),) = masters.questions
    assert question.current
    assert patience == READ_SECONDS


async def test_a_refusal_is_nobodys_silence() -> None:
    masters = Masters(NotFound("there is no such page"), FOUND)
    with pytest.raises(NotFound):
        await ConfigurationReader(masters).read(Kind.USER)
    assert len(masters.questions) == 1
