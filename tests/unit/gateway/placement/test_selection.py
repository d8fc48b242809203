"""Explaining a selection to an operator, over HTTP."""

from typing import Any

import pytest

from shared.documents import Kind
from shared.events.selection import ExplainSelection
from tests.unit.gateway.conftest import InMemoryGateway, People
from tests.unit.gateway.placement.test_probing import furnish


async def test_both_ends_and_every_option_are_asked_for(
    people: People, fake: InMemoryGateway
) -> None:
    furnish(fake)
    fake.site.write(Kind.TEAM, "desk", {})
    fake.site.write(
        Kind.PUBLIC_SITE, "help", {"hostnames": ["help.example.com"], "teams": ["desk"]}
    )
    await fake.state.directory.read()
    admin = await people.admin()
    body = {
        "client": {"address": "192.0.2.99", "latencies_ms": {"berlin": 9, "tokyo": -1}},
        "other": {"utc_offset_minutes": -300},
        "methods": ["latency", "geo"],
        "public_site": "help",
        "team": "desk",
        "pin": "denver",
        "count": 2,
    }

    answer = await admin.call("POST", "/select", body)

    assert answer.status_code == 200, answer.text
    (question,) = (each for each in fake.site.asked if isinstance(each, ExplainSelection))
    assert (question.client.address, question.client.latencies_ms) == ("192.0.2.99", {"berlin": 9})
    assert question.other is not None
    assert (question.other.address, question.other.side) == ("", "representative")
    assert question.methods == ("latency", "geo")
    assert (question.public_site, question.team, question.pin) == ("help", "desk", "denver")
    assert question.count == 2


async def test_every_node_is_shown_with_its_region(people: People, fake: InMemoryGateway) -> None:
    furnish(fake)
    await fake.state.directory.read()
    admin = await people.admin()

    shown = (await admin.call("POST", "/select", {})).json()

    assert [each["region"] for each in shown["explanation"]] == ["berlin", "denver", "tokyo"]
    assert [each["node"] for each in shown["choices"]] == ["berlin", "denver", "tokyo"]


@pytest.mark.parametrize(
    ("body", "status", "words"),
    [
        ({"methods": ["by_feel"]}, 422, "methods"),
        ({"client": {"latencies_ms": {"berlin": "near"}}}, 422, "client.latencies_ms.berlin"),
        ({"client": 7}, 422, "client"),
        ({"count": 0}, 422, "count"),
        ({"pin": "oslo"}, 404, "there is no traffic node 'oslo'"),
        ({"team": "nobody"}, 404, "nobody"),
        ({"public_site": "nowhere"}, 404, "nowhere"),
    ],
)
async def test_what_is_not_there_or_cannot_be_is_reported_in_a_sentence(
    people: People, body: dict[str, Any], status: int, words: str
) -> None:
    admin = await people.admin()

    answer = await admin.call("POST", "/select", body)

    assert answer.status_code == status
    assert words in answer.json()["detail"]
