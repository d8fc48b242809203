import pytest
from pydantic import TypeAdapter

from shared.domain.history import HistoryLine, NamedChange
from shared.domain.ids import Epoch, LogGeneration, Revision
from shared.domain.log import LogPlace
from shared.events.config import HistoryRead, ReadHistory
from tests.unit.gateway.conftest import InMemoryGateway, People

SEVENTH = LogPlace(LogGeneration(1), Revision(7))
LINE = HistoryLine(
    log_generation=LogGeneration(1),
    revision=Revision(7),
    epoch=Epoch(2),
    at_unix_ms=1_700_000_000_000,
    author="anna",
    count=1,
    changes=(NamedChange(op="put", kind="node", id="berlin"),),
)


def asked(fake: InMemoryGateway) -> ReadHistory:
    question = fake.site.asked[-1]
    assert isinstance(question, ReadHistory)
    return question


async def test_the_history_comes_with_a_link_to_what_is_older(
    people: People, fake: InMemoryGateway
) -> None:
    admin = await people.admin()
    fake.site.history = HistoryRead(lines=(LINE,), next=SEVENTH)

    first = await admin.get("/log?limit=1&kind=node&author=anna&since_unix_ms=5")

    assert first.json()["items"] == [TypeAdapter(HistoryLine).dump_python(LINE, mode="json")]
    assert first.headers["Link"] == f'<{first.json()["next"]}>; rel="next"'
    fake.site.history = HistoryRead(lines=())
    second = await admin.get(first.json()["next"].removeprefix("/api/v1"))
    assert second.json() == {"items": [], "next": None}
    assert asked(fake) == ReadHistory(
        before=SEVENTH, limit=1, kind="node", author="anna", since_unix_ms=5
    )


async def test_the_newest_come_when_nothing_is_asked_for(
    people: People, fake: InMemoryGateway
) -> None:
    admin = await people.admin()

    assert (await admin.get("/log")).json() == {"items": [], "next": None}
    assert asked(fake) == ReadHistory()


@pytest.mark.parametrize(
    ("role", "status"), [("administrator", 200), ("auditor", 200), ("representative", 403)]
)
async def test_the_history_is_for_administrators_and_auditors(
    people: People, role: str, status: int
) -> None:
    person = await people.signed_in("somebody", role)

    assert (await person.get("/log")).status_code == status
    assert (await people.stranger.get("/log")).status_code == 401


@pytest.mark.parametrize(
    "query", ["limit=0", "limit=201", "before=x", "before=1", "before=1.2.3", "since_unix_ms=-1"]
)
async def test_a_page_that_cannot_be_is_reported(people: People, query: str) -> None:
    admin = await people.admin()

    answer = await admin.get(f"/log?{query}")

    assert answer.status_code == 422
    assert answer.json()["field"] == query.partition("=")[0]
