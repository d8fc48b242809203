"""What endpoints say of themselves, the nonsense included, and pins."""

import json
from typing import Any

import pytest

from services.gateway.http.bodies import SHORT_BODY_BYTES
from services.gateway.placement.core.pins import require_traffic_node
from shared.documents import Kind
from shared.documents.node import NodeDocument
from shared.domain.errors import NotFound
from shared.domain.ids import NodeId, SessionId
from shared.domain.node import NodeRole, Side
from shared.events.selection import ClientFacts, SelectNodes
from tests.unit.gateway.conftest import InMemoryGateway, People
from tests.unit.gateway.placement.test_probing import furnish


async def recorded_facts(
    people: People, fake: InMemoryGateway, body: dict[str, Any]
) -> ClientFacts:
    """What the site keeps of a customer's *body*; the session is opened and joined for it."""
    admin = await people.admin()
    session = SessionId((await admin.call("POST", "/sessions")).json()["session"])
    answer = await people.client.post(
        f"/api/v1/sessions/{session}/join",
        content=json.dumps(body),
        headers={"Content-Type": "application/json"},
    )
    assert answer.status_code == 200, answer.text
    return fake.sessions.kept[session].state.ends[Side.CUSTOMER].facts


async def test_sensible_facts_are_kept_as_they_are(people: People, fake: InMemoryGateway) -> None:
    body = {
        "utc_offset_minutes": 345,
        "latencies_ms": {"berlin": 12.5},
        "latency_ages_seconds": {"berlin": 3.0},
        "last_node": "berlin",
    }
    facts = await recorded_facts(people, fake, body)
    assert facts.model_dump(mode="json") == {
        **body,
        "address": "192.0.2.7",
        "side": "customer",
        "left_out": [],
    }


@pytest.mark.parametrize(
    ("body", "note"),
    [
        ({"utc_offset_minutes": 99 * 60}, "UTC offset"),
        ({"latencies_ms": {"berlin": -1}}, "1 impossible values of latencies_ms"),
        ({"latencies_ms": {"berlin": 1e300}}, "1 impossible values of latencies_ms"),
        ({"latency_ages_seconds": {"berlin": -3}}, "impossible values of latency_ages_seconds"),
    ],
)
async def test_nonsense_is_left_out_with_a_note_and_costs_nobody_a_session(
    people: People, fake: InMemoryGateway, body: dict[str, Any], note: str
) -> None:
    facts = await recorded_facts(people, fake, body)
    assert note in " ".join(facts.left_out)
    assert (facts.utc_offset_minutes, facts.latencies_ms) == (None, {})


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"latencies_ms": {f"n{number}": 1.0 for number in range(65)}}, "latencies_ms"),
        ({"latencies_ms": {"berlin": "near"}}, "latencies_ms.berlin"),
        ({"last_node": "no such name!"}, "last_node"),
    ],
)
async def test_what_cannot_be_read_is_refused_with_the_field(
    people: People, body: dict[str, Any], field: str
) -> None:
    answer = await people.stranger.call("POST", "/probes", body)
    assert answer.status_code == 422
    assert answer.json()["field"] == field


async def test_a_million_measurements_are_refused_before_they_are_read(people: People) -> None:
    body = b'{"latencies_ms": {' + b'"n": 1.0, ' * 1_000_000 + b'"n": 1.0}}'
    answer = await people.client.post("/api/v1/sessions/1234567/join", content=body)
    assert (answer.status_code, answer.json()["code"]) == (413, "too_large")
    assert f"{SHORT_BODY_BYTES:,}" in answer.json()["detail"]


async def pin_of(
    people: People, fake: InMemoryGateway, user: str, body: dict[str, Any]
) -> str | None:
    """The pin that the selector was asked for, of a session that *user* opened."""
    person = await people.signed_in(user, "representative")
    if user == "pia":
        fake.site.write(Kind.USER, user, {"role": "representative", "pinned_node": "denver"})
    answer = await person.call("POST", "/sessions", body)
    assert answer.status_code == 201, answer.text
    await people.stranger.call("POST", f"/sessions/{answer.json()['session']}/join")
    (question,) = (each for each in fake.site.asked if isinstance(each, SelectNodes))
    return question.pin


@pytest.mark.parametrize(
    ("user", "body", "pin"),
    [
        ("rita", {}, None),
        ("rita", {"node": "tokyo"}, "tokyo"),
        ("pia", {}, "denver"),
        ("pia", {"node": "tokyo"}, "tokyo"),
    ],
)
async def test_a_session_is_pinned_by_request_or_else_by_its_user(
    people: People, fake: InMemoryGateway, user: str, body: dict[str, Any], pin: str | None
) -> None:
    furnish(fake)
    await fake.state.directory.read()
    assert await pin_of(people, fake, user, body) == pin


async def test_an_unknown_node_is_refused_with_those_that_there_are(
    people: People, fake: InMemoryGateway
) -> None:
    furnish(fake)
    await fake.state.directory.read()
    rita = await people.signed_in("rita", "representative")
    answer = await rita.call("POST", "/sessions", {"node": "oslo"})
    assert answer.status_code == 404
    assert answer.json()["detail"] == (
        "there is no traffic node 'oslo'; the site has berlin, denver, tokyo"
    )


def test_a_master_is_no_node_to_be_pinned_to_and_not_all_names_are_reported() -> None:
    nodes = {NodeId(f"t{n:02}"): NodeDocument(role=NodeRole.TRAFFIC) for n in range(12)}
    nodes[NodeId("alpha")] = NodeDocument(role=NodeRole.MASTER)
    with pytest.raises(NotFound, match=r"no traffic node 'alpha'; .* t09 and 2 more$"):
        require_traffic_node(nodes, NodeId("alpha"))
    with pytest.raises(NotFound, match="the site has none"):
        require_traffic_node({}, NodeId("alpha"))
