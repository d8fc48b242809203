"""Arriving by a public site, waiting and being taken, over HTTP."""

from typing import Any

import pytest

from services.gateway.access.address_limits import ARRIVALS
from shared.documents import Kind
from shared.domain.ids import SessionId
from shared.domain.node import Side
from shared.domain.session import SessionPhase
from shared.events.selection import SelectNodes
from tests.unit.gateway.conftest import InMemoryGateway, People, Person


@pytest.fixture
def staffed(fake: InMemoryGateway) -> InMemoryGateway:
    """A site with a team and a public site that chooses by time zone."""
    fake.site.write(Kind.TEAM, "desk", {"members": ["rita", "anna"], "managers": ["mona"]})
    fake.site.write(
        Kind.PUBLIC_SITE,
        "help",
        {
            "hostnames": ["help.example.com"],
            "teams": ["desk"],
            "selection_method": "timezone_offset",
        },
    )
    return fake


async def arrive(person: Person, **arrival: Any) -> dict[str, Any]:
    answer = await person.call("POST", "/queue", {"public_site": "help", **arrival})
    assert answer.status_code == 201, answer.text
    credentials: dict[str, Any] = answer.json()
    return credentials


async def test_who_arrives_is_seen_by_the_team_with_how_they_call_themselves(
    people: People, staffed: InMemoryGateway
) -> None:
    rita = await people.signed_in("rita", "representative")
    credentials = await arrive(people.stranger, customer="Carl", facts={"utc_offset_minutes": 60})

    (shown,) = (await rita.get("/queue")).json()

    assert shown == {
        "session": credentials["session"],
        "team": "desk",
        "public_site": "help",
        "customer": "Carl",
        "address": "192.0.2.7",
        "since_unix_ms": staffed.clock.unix_ms(),
    }
    session = SessionId(credentials["session"])
    assert (
        staffed.gateway.accounts.endpoint(credentials["endpoint_token"], session) is Side.CUSTOMER
    )


async def test_the_host_name_of_the_request_says_which_public_site(
    people: People, staffed: InMemoryGateway
) -> None:
    del staffed
    answer = await people.stranger.call("POST", "/queue", {}, host="help.example.com:8443")
    assert answer.json()["public_site"] == "help"
    unknown = await people.stranger.call("POST", "/queue", {}, host="elsewhere.example.com")
    assert unknown.status_code == 404


async def test_a_member_takes_the_customer_and_both_get_paths_as_the_public_site_says(
    people: People, staffed: InMemoryGateway
) -> None:
    rita = await people.signed_in("rita", "representative")
    session = SessionId((await arrive(people.stranger))["session"])

    answer = await rita.call("POST", f"/queue/{session}/accept", {})

    assert answer.status_code == 200, answer.text
    token = answer.json()["endpoint_token"]
    assert staffed.gateway.accounts.endpoint(token, session) is Side.REPRESENTATIVE
    state = staffed.sessions.kept[session].state
    assert state.phase is SessionPhase.ACTIVE
    assert [path.node for path in state.paths] == ["berlin", "denver", "tokyo"]
    (question,) = (each for each in staffed.site.asked if isinstance(each, SelectNodes))
    assert (question.public_site, question.team) == ("help", "desk")
    assert (await rita.get("/queue")).json() == []


async def test_the_second_member_learns_who_was_faster(
    people: People, staffed: InMemoryGateway
) -> None:
    del staffed
    rita = await people.signed_in("rita", "representative")
    anna = await people.signed_in("anna", "representative")
    session = (await arrive(people.stranger))["session"]
    await rita.call("POST", f"/queue/{session}/accept")

    answer = await anna.call("POST", f"/queue/{session}/accept")

    assert answer.status_code == 409
    assert answer.json()["code"] == "already_taken"


async def test_a_manager_sees_the_queue_and_takes_nobody(
    people: People, staffed: InMemoryGateway
) -> None:
    del staffed
    mona = await people.signed_in("mona", "representative")
    session = (await arrive(people.stranger))["session"]
    assert len((await mona.get("/queue?team=desk")).json()) == 1
    assert (await mona.call("POST", f"/queue/{session}/accept")).status_code == 403


async def test_an_auditor_sees_every_queue_and_holds_no_session(
    people: People, staffed: InMemoryGateway
) -> None:
    del staffed
    otto = await people.signed_in("otto", "auditor")
    session = (await arrive(people.stranger))["session"]
    assert len((await otto.get("/queue")).json()) == 1
    assert (await otto.call("POST", f"/queue/{session}/accept")).status_code == 403


async def test_who_is_in_no_team_sees_nobody(people: People, staffed: InMemoryGateway) -> None:
    del staffed
    nora = await people.signed_in("nora", "representative")
    await arrive(people.stranger)
    assert (await nora.get("/queue")).json() == []
    assert (await nora.get("/queue?team=desk")).status_code == 403


async def test_a_stranger_sees_no_queue_and_takes_nobody(
    people: People, staffed: InMemoryGateway
) -> None:
    del staffed
    session = (await arrive(people.stranger))["session"]
    assert (await people.stranger.get("/queue")).status_code == 401
    assert (await people.stranger.call("POST", f"/queue/{session}/accept")).status_code == 401


async def test_the_nameplate_of_who_waits_lets_nobody_else_in(
    people: People, staffed: InMemoryGateway
) -> None:
    del staffed
    session = (await arrive(people.stranger))["session"]
    assert (await people.stranger.call("POST", f"/sessions/{session}/join")).status_code == 404


async def test_a_session_that_waits_in_no_queue_is_not_taken(
    people: People, staffed: InMemoryGateway
) -> None:
    del staffed
    rita = await people.signed_in("rita", "representative")
    own = (await rita.call("POST", "/sessions")).json()["session"]
    for session in (own, "1234567"):
        assert (await rita.call("POST", f"/queue/{session}/accept")).status_code == 404


async def test_a_customer_for_whom_there_is_no_node_still_waits(
    people: People, staffed: InMemoryGateway
) -> None:
    rita = await people.signed_in("rita", "representative")
    session = (await arrive(people.stranger))["session"]
    staffed.site.refuses_selection = True
    answer = await rita.call("POST", f"/queue/{session}/accept")
    assert answer.json()["code"] == "no_traffic_node"
    assert len((await rita.get("/queue")).json()) == 1


async def test_one_address_cannot_fill_a_queue(people: People, staffed: InMemoryGateway) -> None:
    del staffed
    for _ in range(ARRIVALS.most):
        await arrive(people.stranger)
    answer = await people.stranger.call("POST", "/queue", {"public_site": "help"})
    assert answer.status_code == 429


async def test_a_team_that_is_not_offered_is_refused_with_the_ones_that_are(
    people: People, staffed: InMemoryGateway
) -> None:
    del staffed
    arrival = {"public_site": "help", "team": "sales"}
    answer = await people.stranger.call("POST", "/queue", arrival)
    assert answer.status_code == 404
    assert "it offers desk" in answer.json()["detail"]
