"""What happened, over HTTP: pages, who may read it, and what puts operators' deeds into it."""

import pytest
from pydantic import TypeAdapter

from services.gateway.core.news import Readiness, ReadinessNews
from services.gateway.herald import Herald
from shared.documents import Kind
from shared.domain.history import StatusLine
from shared.domain.ids import Epoch, NodeId
from shared.domain.node import MasterRole
from shared.events.failover import MasterGranted
from shared.events.node import NodeHeartbeat, ReadinessChanged
from shared.events.operation import OperationEnded, ReadStatusHistory, StatusHistoryRead
from tests.unit.gateway.conftest import BOOT, House, People

ALPHA, BRAVO = NodeId("alpha"), NodeId("bravo")
LINE = StatusLine(
    id="abc",
    at_unix_ms=5_000,
    speaker=BRAVO,
    fact="failover.primary_changed",
    nodes=("bravo", "alpha"),
    sentence="bravo is primary of epoch 4 after alpha: takeover",
    body={"node": "bravo"},
    is_state=True,
    lasted_ms=1_500,
)


def ended(house: House) -> list[OperationEnded]:
    return [event for event in house.facts.kept if isinstance(event, OperationEnded)]


async def test_a_page_names_the_next_one(people: People) -> None:
    people.house.site.status_history = StatusHistoryRead(lines=(LINE,), next=(5_000, "abc"))
    admin = await people.admin()
    answer = await admin.get("/status/history?node=bravo&limit=1")
    assert answer.json()["items"] == [TypeAdapter(StatusLine).dump_python(LINE, mode="json")]
    following = "/api/v1/status/history?limit=1&node=bravo&before=5000.abc"
    assert answer.json()["next"] == following
    assert answer.headers["Link"] == f'<{following}>; rel="next"'

    people.house.site.status_history = StatusHistoryRead(lines=())
    last = await admin.get(following.removeprefix("/api/v1"))
    assert last.json() == {"items": [], "next": None}
    asked = [each for each in people.house.site.asked if isinstance(each, ReadStatusHistory)]
    assert asked[-1].before == (5_000, "abc")


@pytest.mark.parametrize("query", ["before=5000", "before=x.abc", "limit=0", "limit=201"])
async def test_a_query_that_means_nothing_is_refused(people: People, query: str) -> None:
    answer = await (await people.admin()).get(f"/status/history?{query}")
    assert (answer.status_code, answer.json()["code"]) == (422, "invalid_request")


async def test_an_auditor_reads_it_and_a_representative_does_not(people: People) -> None:
    auditor = await people.signed_in("ada", "auditor")
    rita = await people.signed_in("rita", "representative")
    assert (await auditor.get("/status/history")).status_code == 200
    assert (await rita.get("/status/history")).status_code == 403


async def test_an_operation_that_is_refused_is_told_with_its_code(people: People) -> None:
    answer = await (await people.admin()).call("POST", "/switchover", {"to": "bravo"})
    assert answer.json()["code"] == "no_primary"
    (told,) = ended(people.house)
    assert (told.operation, told.author, told.nodes) == ("switchover", "admin", (BRAVO,))
    assert (told.failed, told.code) == (True, "no_primary")
    assert told.cause == answer.json()["detail"]


async def test_an_operation_that_is_done_is_told_too(people: People) -> None:
    admin = await people.admin()
    await admin.call("POST", "/sync", {"resync": True})
    (told,) = ended(people.house)
    assert (told.operation, told.failed, told.code, told.cause) == ("resync", False, "", "")


async def test_who_only_looks_leaves_no_trace(people: People) -> None:
    await (await people.admin()).call("POST", "/sync", {})
    assert ended(people.house) == []


async def test_who_may_not_operate_leaves_no_trace_of_an_operation(people: People) -> None:
    ada = await people.signed_in("ada", "auditor")
    assert (await ada.call("POST", "/switchover", {})).status_code == 403
    assert ended(people.house) == []


def readiness(news: ReadinessNews, *reasons: str, is_primary: bool = True) -> list[str]:
    said = {BRAVO: Readiness(not reasons, reasons)}
    told = news.look(said, is_primary=is_primary)
    return [str(each.reasons) for each in told if isinstance(each, ReadinessChanged)]


def test_readiness_is_news_when_it_changes_and_not_when_its_numbers_do() -> None:
    news = ReadinessNews()
    assert readiness(news) == ["()"]
    assert readiness(news) == []
    assert readiness(news, "its copy is 12 entries behind") == [
        "('its copy is 12 entries behind',)"
    ]
    assert readiness(news, "its copy is 9 entries behind") == []
    assert readiness(news, "it is in maintenance") == ["('it is in maintenance',)"]


def test_a_backup_tells_nothing_of_readiness() -> None:
    news = ReadinessNews()
    assert readiness(news, is_primary=False) == []
    assert readiness(news) == []
    assert readiness(news, "it is in maintenance") == ["('it is in maintenance',)"]


async def test_the_primarys_gateway_tells_which_master_could_follow(people: People) -> None:
    house = people.house
    house.site.revision += 1
    for name in (ALPHA, BRAVO):
        house.site.write(Kind.NODE, name, {"role": "master"})
    await house.door.directory.read()
    now = house.clock.now()
    house.door.grant.offer(
        MasterGranted(node=ALPHA, epoch=Epoch(1), boot_id=BOOT, valid_until=now + 10)
    )
    for name, role in ((ALPHA, MasterRole.PRIMARY), (BRAVO, MasterRole.BACKUP)):
        house.door.observed.heartbeat(
            NodeHeartbeat(
                node=name, service="failover_monitor", version="1", started_unix_ms=0, role=role
            ),
            now,
        )
    Herald(house.door).look()
    told = [event for event in house.facts.kept if isinstance(event, ReadinessChanged)]
    assert [event.node for event in told] == [BRAVO]
