"""The gateway's part in a switchover, and its check of a takeover."""

import pytest

from services.gateway.cluster.core.takeover import forecast_takeover
from shared.documents import Kind
from shared.domain.ids import Epoch, NodeId
from shared.domain.node import MasterRole
from shared.domain.redirection import RedirectionState, RedirectionStatus
from shared.events.config import PromoteAlone
from shared.events.failover import MasterStatus, SwitchOver
from shared.events.node import NodeHeartbeat
from shared.events.operation import OperationEnded
from tests.unit.gateway.conftest import InMemoryGateway, People

ALPHA, BRAVO = NodeId("alpha"), NodeId("bravo")
FAILING = RedirectionStatus(
    state=RedirectionState.FAILING, attempts=3, code="redirection_failed", cause="nobody answers"
)


def master(node: NodeId, role: MasterRole, *, could: bool = False) -> MasterStatus:
    return MasterStatus(node=node, role=role, epoch=Epoch(1), holder=None, could_take_over=could)


@pytest.mark.parametrize(
    ("masters", "successor", "verdict"),
    [
        (
            [master(ALPHA, MasterRole.PRIMARY), master(BRAVO, MasterRole.BACKUP, could=True)],
            BRAVO,
            "if alpha failed, bravo would take the role over",
        ),
        (
            [master(ALPHA, MasterRole.PRIMARY), master(BRAVO, MasterRole.BACKUP)],
            None,
            "if alpha failed, no master would take the role over",
        ),
        (
            [master(BRAVO, MasterRole.BACKUP, could=True)],
            BRAVO,
            "nobody is primary; bravo will take the role over",
        ),
        (
            [master(BRAVO, MasterRole.BACKUP)],
            None,
            "nobody is primary, and no master would take the role over",
        ),
    ],
)
def test_the_verdict_follows_from_what_the_masters_say(
    masters: list[MasterStatus], successor: NodeId | None, verdict: str
) -> None:
    found = forecast_takeover(masters)
    assert (found.successor, found.verdict) == (successor, verdict)


def test_the_verdict_names_the_faults_of_the_primary_first() -> None:
    full = "its database refuses to commit: disk full"
    sick = master(ALPHA, MasterRole.PRIMARY).model_copy(update={"reasons": (full,)})
    found = forecast_takeover([sick, master(BRAVO, MasterRole.BACKUP, could=True)])
    assert found.verdict == (
        f"alpha is primary and not well ({full}); if alpha failed, bravo would take the role over"
    )
    assert not found.facts.is_well


async def test_a_primary_with_reasons_is_never_shown_as_a_site_that_is_well(people: People) -> None:
    admin = await people.admin()
    send_heartbeat(people.fake, ALPHA, MasterRole.PRIMARY, 3)
    await people.fake.state.directory.read()
    assert (await admin.get("/status")).json()["is_well"]
    heard = people.fake.state.observed.last_heartbeat(ALPHA, "failover_monitor")
    assert heard is not None
    sick = heard.heartbeat.model_copy(update={"reasons": ("disk full",)})
    people.fake.state.observed.record_heartbeat(sick, people.fake.clock.now())
    answer = (await admin.get("/status")).json()
    assert not answer["is_well"]
    assert answer["survival"].startswith("the site accepts no change now")
    assert [each["reasons"] for each in answer["nodes"]] == [["disk full"]]


def send_heartbeat(fake: InMemoryGateway, node: NodeId, role: MasterRole, epoch: int) -> None:
    fake.site.write(Kind.NODE, node, {"role": "master", "region": "x"})
    fake.site.revision += 1
    beat = NodeHeartbeat(
        node=node,
        service="failover_monitor",
        version="1",
        started_unix_ms=0,
        role=role,
        epoch=Epoch(epoch),
    )
    fake.state.observed.record_heartbeat(beat, fake.clock.now())


async def test_the_order_goes_to_the_primary_of_the_largest_epoch(people: People) -> None:
    admin = await people.admin()
    send_heartbeat(people.fake, ALPHA, MasterRole.PRIMARY, 3)
    send_heartbeat(people.fake, BRAVO, MasterRole.PRIMARY, 4)
    await people.fake.state.directory.read()
    answer = await admin.call("POST", "/switchover", {"to": "alpha"})
    assert answer.status_code == 200, answer.text
    assert answer.json()["primary"] == "alpha"
    (order,) = [each for each in people.fake.site.asked if isinstance(each, SwitchOver)]
    assert (order.node, order.epoch, order.to, order.author) == (BRAVO, 4, ALPHA, "admin")


async def test_without_a_primary_there_is_nothing_to_hand_over(people: People) -> None:
    admin = await people.admin()
    send_heartbeat(people.fake, ALPHA, MasterRole.BACKUP, 3)
    await people.fake.state.directory.read()
    answer = await admin.call("POST", "/switchover", {})
    assert (answer.status_code, answer.json()["code"]) == (503, "no_primary")


async def test_only_who_may_operate_switches_over(people: People) -> None:
    auditor = await people.signed_in("otto", "auditor")
    answer = await auditor.call("POST", "/switchover", {})
    assert (answer.status_code, answer.json()["code"]) == (403, "forbidden")


async def test_a_promotion_is_ordered_from_that_very_master_and_reported(people: People) -> None:
    admin = await people.admin()
    send_heartbeat(people.fake, BRAVO, MasterRole.BACKUP, 3)
    await people.fake.state.directory.read()
    request = {"node": "bravo", "force": True, "reason": "it burnt"}
    answer = await admin.call("POST", "/failover/promote", request)
    assert answer.status_code == 200, answer.text
    assert answer.json()["log_generation"] == 2
    (order,) = [each for each in people.fake.site.asked if isinstance(each, PromoteAlone)]
    assert (order.node, order.force, order.author) == (BRAVO, True, "admin")
    events = [each for each in people.fake.facts.kept if isinstance(each, OperationEnded)]
    assert [(each.operation, each.nodes) for each in events] == [("forced promotion", (BRAVO,))]


async def test_what_is_no_master_is_not_promoted(people: People) -> None:
    admin = await people.admin()
    send_heartbeat(people.fake, BRAVO, MasterRole.BACKUP, 3)
    await people.fake.state.directory.read()
    request = {"node": "berlin", "force": True, "reason": "it burnt"}
    answer = await admin.call("POST", "/failover/promote", request)
    assert (answer.status_code, answer.json()["code"]) == (404, "not_found")


async def test_only_who_may_operate_promotes(people: People) -> None:
    auditor = await people.signed_in("otto", "auditor")
    request = {"node": "bravo", "force": True, "reason": "it burnt"}
    answer = await auditor.call("POST", "/failover/promote", request)
    assert (answer.status_code, answer.json()["code"]) == (403, "forbidden")


async def test_a_master_that_does_not_answer_is_shown_as_silent(people: People) -> None:
    admin = await people.admin()
    send_heartbeat(people.fake, ALPHA, MasterRole.PRIMARY, 3)
    await people.fake.state.directory.read()
    answer = (await admin.get("/failover/check")).json()
    assert answer["masters"][0]["reasons"] == ["it does not answer"]
    assert answer["successor"] is None


async def test_the_check_shows_what_each_master_would_do_and_why_not(people: People) -> None:
    admin = await people.admin()
    for node, role in ((ALPHA, MasterRole.PRIMARY), (BRAVO, MasterRole.BACKUP)):
        send_heartbeat(people.fake, node, role, 3)
        people.fake.site.masters[node] = MasterStatus(
            node=node,
            role=role,
            epoch=Epoch(3),
            holder=ALPHA,
            could_take_over=False,
            reasons=("automatic failover is off",) if node == BRAVO else (),
            redirection=FAILING if node == ALPHA else RedirectionStatus(),
        )
    await people.fake.state.directory.read()
    answer = (await admin.get("/failover/check")).json()
    assert answer["verdict"] == "if alpha failed, no master would take the role over"
    assert [each["role"] for each in answer["masters"]] == ["primary", "backup"]
    assert answer["masters"][1]["reasons"] == ["automatic failover is off"]
    assert answer["masters"][0]["redirection"] == {
        "state": "failing",
        "attempts": 3,
        "code": "redirection_failed",
        "cause": "nobody answers",
    }
    assert answer["masters"][1]["redirection"]["state"] == "none"
