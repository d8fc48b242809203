"""What happened, over HTTP: pages, who may read it, and what puts operators' deeds into it."""

from dataclasses import replace

import pytest
from pydantic import TypeAdapter

from services.gateway.cluster.core.news import MasterReadiness, ReadinessNews
from services.gateway.cluster.status_notifier import StatusNotifier
from shared.documents import Kind
from shared.domain.history import StatusLine
from shared.domain.ids import Epoch, Instant, NodeId
from shared.domain.node import MasterRole
from shared.events.failover import MasterGranted
from shared.events.node import NodeHeartbeat, ReadinessChanged
from shared.events.operation import OperationEnded, ReadStatusHistory, StatusHistoryRead
from tests.unit.gateway.conftest import BOOT, InMemoryGateway, People

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


def ended(fake: InMemoryGateway) -> list[OperationEnded]:
    return [event for event in fake.facts.kept if isinstance(event, OperationEnded)]


async def test_a_page_names_the_next_one(people: People) -> None:
    people.fake.site.status_history = StatusHistoryRead(lines=(LINE,), next=(5_000, "abc"))
    admin = await people.admin()
    answer = await admin.get("/status/history?node=bravo&limit=1")
    assert answer.json()["items"] == [TypeAdapter(StatusLine).dump_python(LINE, mode="json")]
    following = "/api/v1/status/history?limit=1&node=bravo&before=5000.abc"
    assert answer.json()["next"] == following
    assert answer.headers["Link"] == f'<{following}>; rel="next"'

    people.fake.site.status_history = StatusHistoryRead(lines=())
    last = await admin.get(following.removeprefix("/api/v1"))
    assert last.json() == {"items": [], "next": None}
    asked = [each for each in people.fake.site.asked if isinstance(each, ReadStatusHistory)]
    assert asked[-1].before == (5_000, "abc")


async def test_a_page_is_folded_on_request_and_whole_otherwise(people: People) -> None:
    flips = tuple(
        replace(
            LINE, id=f"e{number}", at_unix_ms=90_000 - number, fact="failover.readiness_changed"
        )
        for number in range(6)
    )
    people.fake.site.status_history = StatusHistoryRead(lines=flips)
    admin = await people.admin()

    whole = (await admin.get("/status/history")).json()["items"]
    folded = (await admin.get("/status/history?folded=true")).json()["items"]

    assert [each["id"] for each in whole] == [each.id for each in flips]
    assert [each["id"] for each in folded] == ["e0"]
    assert folded[0]["repeated"]["changes"] == 6


@pytest.mark.parametrize("query", ["before=5000", "before=x.abc", "limit=0", "limit=201"])
async def test_a_query_that_means_nothing_is_refused(people: People, query: str) -> None:
    answer = await (await people.admin()).get(f"/status/history?{query}")
    assert (answer.status_code, answer.json()["code"]) == (422, "invalid_request")


async def test_an_auditor_reads_it_and_a_representative_does_not(people: People) -> None:
    auditor = await people.signed_in("ada", "auditor")
    rita = await people.signed_in("rita", "representative")
    assert (await auditor.get("/status/history")).status_code == 200
    assert (await rita.get("/status/history")).status_code == 403


async def test_an_operation_that_is_refused_is_reported_with_its_code(people: People) -> None:
    answer = await (await people.admin()).call("POST", "/switchover", {"to": "bravo"})
    assert answer.json()["code"] == "no_primary"
    (event,) = ended(people.fake)
    assert (event.operation, event.author, event.nodes) == ("switchover", "admin", (BRAVO,))
    assert (event.failed, event.code) == (True, "no_primary")
    assert event.cause == answer.json()["detail"]


async def test_an_operation_that_is_done_is_reported_too(people: People) -> None:
    admin = await people.admin()
    await admin.call("POST", "/sync", {"resync": True})
    (event,) = ended(people.fake)
    assert (event.operation, event.failed, event.code, event.cause) == ("resync", False, "", "")


async def test_who_only_looks_leaves_no_trace(people: People) -> None:
    await (await people.admin()).call("POST", "/sync", {})
    assert ended(people.fake) == []


async def test_who_may_not_operate_leaves_no_trace_of_an_operation(people: People) -> None:
    ada = await people.signed_in("ada", "auditor")
    assert (await ada.call("POST", "/switchover", {})).status_code == 403
    assert ended(people.fake) == []


def readiness(news: ReadinessNews, at: float, *reasons: str, is_primary: bool = True) -> list[str]:
    backups = {BRAVO: MasterReadiness(not reasons, reasons)}
    events = news.update(backups, 0.5, Instant(at), is_primary=is_primary)
    return [str(each.reasons) for each in events if isinstance(each, ReadinessChanged)]


def test_readiness_is_news_when_it_changes_and_not_when_its_numbers_do() -> None:
    news = ReadinessNews()
    assert readiness(news, 0) == ["()"]
    assert readiness(news, 1) == []
    assert readiness(news, 2, "its copy is 12 entries behind") == []
    assert readiness(news, 3, "its copy is 11 entries behind") == [
        "('its copy is 11 entries behind',)"
    ]
    assert readiness(news, 60, "its copy is 9 entries behind") == []
    assert readiness(news, 61, "it is in maintenance") == []
    assert readiness(news, 71, "it is in maintenance") == ["('it is in maintenance',)"]


def test_a_master_that_is_unable_for_a_moment_is_no_news_and_neither_is_that_it_is_able() -> None:
    news = ReadinessNews()
    assert readiness(news, 0) == ["()"]
    for at in range(1, 100, 2):
        assert readiness(news, at, "its database does not answer") == []
        assert readiness(news, at + 0.5) == []


def test_a_master_that_is_silent_in_between_has_not_been_able_without_a_break() -> None:
    news = ReadinessNews()
    readiness(news, 0, "it lags")
    assert readiness(news, 1, "it lags") == ["('it lags',)"]
    readiness(news, 2)
    assert list(news.update({}, 0.5, Instant(4), is_primary=True)) == []
    assert readiness(news, 8) == []
    assert readiness(news, 13) == ["()"]


def test_a_backup_reports_nothing_of_readiness() -> None:
    news = ReadinessNews()
    assert readiness(news, 0, is_primary=False) == []
    assert readiness(news, 1) == []
    assert readiness(news, 2, "it is in maintenance") == []
    assert readiness(news, 3, "it is in maintenance") == ["('it is in maintenance',)"]


async def test_the_primarys_gateway_reports_which_master_could_follow(people: People) -> None:
    fake = people.fake
    fake.site.revision += 1
    for name in (ALPHA, BRAVO):
        fake.site.write(Kind.NODE, name, {"role": "master"})
    await fake.state.directory.read()
    now = fake.clock.now()
    fake.state.grant.offer(
        MasterGranted(node=ALPHA, epoch=Epoch(1), boot_id=BOOT, valid_until=now + 10)
    )
    for name, role in ((ALPHA, MasterRole.PRIMARY), (BRAVO, MasterRole.BACKUP)):
        fake.state.observed.record_heartbeat(
            NodeHeartbeat(
                node=name,
                service="failover_monitor",
                version="1",
                started_unix_ms=0,
                role=role,
                could_take_over=True,
            ),
            now,
        )
    StatusNotifier(fake.gateway.cluster, fake.gateway.local, fake.facts).check()
    events = [event for event in fake.facts.kept if isinstance(event, ReadinessChanged)]
    assert [event.node for event in events] == [BRAVO]
