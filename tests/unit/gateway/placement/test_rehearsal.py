"""A rehearsal over HTTP: the rule that is tried, and what cannot be apply_changes."""

from typing import Any

import pytest

from shared.documents.selection import SelectionMethod
from shared.events.rehearsal import RehearseSelection
from tests.unit.gateway.conftest import InMemoryGateway, People

CLIENT = {"facts": {"address": "192.0.2.7"}}


def asked(fake: InMemoryGateway) -> RehearseSelection:
    (question,) = (each for each in fake.site.asked if isinstance(each, RehearseSelection))
    return question


async def test_without_assumptions_the_site_s_own_rule_is_rehearsed(
    people: People, fake: InMemoryGateway
) -> None:
    admin = await people.admin()
    answer = await admin.call("POST", "/selection/rehearse", {"clients": [CLIENT]})
    assert answer.status_code == 200, answer.text
    assert answer.json()["placements"] == [{"node": "berlin", "kilometres": None}]
    assert asked(fake).rule == fake.state.directory.require_site().selection


async def test_other_methods_are_supposed_in_place_of_the_site_s(
    people: People, fake: InMemoryGateway
) -> None:
    admin = await people.admin()
    body = {"clients": [CLIENT], "instead": {"methods": ["least_load", "consistent"]}, "first": 9}
    assert (await admin.call("POST", "/selection/rehearse", body)).status_code == 200
    question = asked(fake)
    assert question.rule.methods == (SelectionMethod.LEAST_LOAD, SelectionMethod.CONSISTENT)
    assert question.first == 9


@pytest.mark.parametrize(
    ("body", "status", "sentence"),
    [
        ({"clients": []}, 422, "clients"),
        ({"clients": [CLIENT], "instead": {"methods": ["nearest"]}}, 422, "instead"),
        ({"clients": [CLIENT], "instead": {"methods": ["a_record"]}}, 422, "a_record needs its"),
        ({"clients": [CLIENT], "failed": ["paris"]}, 404, "no node 'paris'"),
        ({"clients": [CLIENT] * 501}, 422, "clients"),
        ({"clients": [CLIENT], "method": "geo"}, 422, "method"),
    ],
)
async def test_what_cannot_be_supposed_is_one_sentence(
    people: People, body: dict[str, Any], status: int, sentence: str
) -> None:
    admin = await people.admin()
    answer = await admin.call("POST", "/selection/rehearse", body)
    assert answer.status_code == status, answer.text
    assert sentence in answer.json()["detail"]


async def test_a_stranger_rehearses_nothing(people: People) -> None:
    answer = await people.stranger.call("POST", "/selection/rehearse", {"clients": [CLIENT]})
    assert answer.status_code == 401
