"""Which relays an endpoint measures: the rule alone, and as the API answers."""

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.gateway.access.address_limits import PROBE_LISTS
from services.gateway.placement.core.probes import (
    MOST_PROBED,
    choose_nodes_to_probe,
    rank_nodes,
    uses_latency,
)
from shared.crypto.keyring import KeyRing, Keys
from shared.crypto.tickets import require_probe_ticket
from shared.documents import SITE_ID, Kind
from shared.documents.node import Address, NodeDocument
from shared.documents.selection import Selection, SelectionMethod, SelectionOverride
from shared.domain.ids import NodeId
from shared.domain.node import NodeRole
from shared.domain.placement import NodeVerdict
from shared.events.selection import ExplainSelection
from tests.unit.gateway.conftest import InMemoryGateway, People

RING = KeyRing(Keys("aaaaaaaa", b"c" * 32, b"t" * 32))
LATENCY, RANDOM = SelectionMethod.LATENCY, SelectionMethod.RANDOM


def node(region: str, *, is_reachable: bool = True) -> NodeDocument:
    address = Address(host=f"{region}.example.com", port=7443) if is_reachable else None
    return NodeDocument(role=NodeRole.TRAFFIC, region=region, public_address=address)


def many(count: int, regions: int) -> dict[NodeId, NodeDocument]:
    return {NodeId(f"n{number}"): node(f"r{number % regions}") for number in range(count)}


def names(order: list[str], nodes: dict[NodeId, NodeDocument], most: int = 8) -> list[str]:
    return [
        each.node for each in choose_nodes_to_probe([NodeId(name) for name in order], nodes, most)
    ]


def test_nobody_measures_where_no_rule_goes_by_latency() -> None:
    assert not uses_latency(Selection(), [SelectionOverride(methods=(SelectionMethod.GEO,))])


@pytest.mark.parametrize(
    ("site", "override"),
    [((LATENCY,), None), ((RANDOM,), (RANDOM, LATENCY)), ((LATENCY, RANDOM), (RANDOM,))],
)
def test_everybody_measures_where_one_rule_goes_by_latency(
    site: tuple[SelectionMethod, ...], override: tuple[SelectionMethod, ...] | None
) -> None:
    assert uses_latency(Selection(methods=site), [SelectionOverride(methods=override)])


def test_half_are_the_nearest_and_half_the_first_of_each_other_region() -> None:
    nodes = {NodeId(name): node(name[0]) for name in ("a1", "a2", "a3", "a4", "a5", "b1", "c1")}
    order = ["a1", "a2", "a3", "a4", "a5", "b1", "c1"]
    assert names(order, nodes, most=6) == ["a1", "a2", "a3", "b1", "c1", "a4"]


def test_a_thousand_nodes_cost_a_few_probes() -> None:
    nodes = many(1_000, regions=100)
    assert len(names(list(nodes), nodes, most=MOST_PROBED)) == MOST_PROBED


def test_who_cannot_be_reached_or_is_gone_is_not_measured() -> None:
    nodes = {NodeId("here"): node("a"), NodeId("dark"): node("b", is_reachable=False)}
    (probed,) = choose_nodes_to_probe([NodeId("gone"), NodeId("dark"), NodeId("here")], nodes)
    assert (probed.node, probed.host, probed.port) == ("here", "a.example.com", 7443)


@given(st.integers(0, 40), st.integers(1, 9), st.integers(1, 12))
def test_nobody_is_measured_twice_and_nobody_in_vain(count: int, regions: int, most: int) -> None:
    nodes = many(count, regions)
    chosen = names(list(nodes), nodes, most)
    assert len(chosen) == min(count, most) == len(set(chosen))
    near = chosen[: most // 2]
    assert near == list(nodes)[: most // 2]
    places = [list(nodes).index(NodeId(name)) for name in near]
    assert all(one < other for one, other in pairwise(places))


def test_refused_nodes_are_not_measured() -> None:
    ranks = [("b", 2), ("x", None), ("a", 1)]
    verdicts = [NodeVerdict(node=NodeId(name), rank=rank, reason="") for name, rank in ranks]
    assert rank_nodes(verdicts) == ("a", "b")


def furnish(fake: InMemoryGateway, methods: tuple[str, ...] = ("latency", "geo")) -> None:
    """The site of the tests with its three nodes, chosen by *methods*."""
    selection = {"methods": methods, "latency": {"maximum_age_seconds": 120}}
    fake.site.write(Kind.SITE, SITE_ID, {"name": "support.example.com", "selection": selection})
    for name in fake.site.nodes:
        address = {"host": f"{name}.example.com", "port": 7443}
        body = {"role": "traffic", "region": name, "public_address": address}
        fake.site.write(Kind.NODE, name, body)
    fake.site.revision += 1


async def test_an_endpoint_gets_the_relays_to_measure_and_a_ticket(
    people: People, fake: InMemoryGateway
) -> None:
    furnish(fake)
    await fake.state.directory.read()

    answer = await people.stranger.call("POST", "/probes", {"utc_offset_minutes": 60})

    assert answer.status_code == 200, answer.text
    plan = answer.json()
    assert plan["nodes"][0] == {"node": "berlin", "host": "berlin.example.com", "port": 7443}
    assert [each["node"] for each in plan["nodes"]] == ["berlin", "denver", "tokyo"]
    assert plan["good_for_seconds"] == 120
    require_probe_ticket(RING, plan["ticket"], now_ms=fake.clock.unix_ms())
    (question,) = (each for each in fake.site.asked if isinstance(each, ExplainSelection))
    assert question.client.utc_offset_minutes == 60
    assert LATENCY not in question.methods


async def test_without_latency_nothing_is_asked_and_nothing_is_measured(
    people: People, fake: InMemoryGateway
) -> None:
    furnish(fake, ("random",))
    await fake.state.directory.read()

    plan = (await people.stranger.call("POST", "/probes")).json()

    assert (plan["nodes"], plan["ticket"]) == ([], "")
    assert not any(isinstance(each, ExplainSelection) for each in fake.site.asked)


async def test_a_team_that_goes_by_latency_makes_endpoints_measure(
    people: People, fake: InMemoryGateway
) -> None:
    furnish(fake, ("random",))
    fake.site.write(Kind.TEAM, "desk", {"selection": {"methods": ["latency"]}})
    await fake.state.directory.read()

    plan = (await people.stranger.call("POST", "/probes")).json()

    assert len(plan["nodes"]) == 3


async def test_one_address_may_not_ask_all_the_time(people: People) -> None:
    answers = [await people.stranger.call("POST", "/probes") for _ in range(PROBE_LISTS.most + 1)]
    assert [answer.status_code for answer in answers] == [200] * PROBE_LISTS.most + [429]
