import asyncio
from ipaddress import ip_network
from typing import Any

import pytest

from services.node_selector.core.facts import DnsRank, Lookup
from services.node_selector.core.roster import Roster
from services.node_selector.placement.fact_collector import FactCollector, Nodes
from services.node_selector.placement.geo_database import NoGeoDatabase
from services.node_selector.placement.rehearsals import Rehearsals
from services.node_selector.placement.selector import SETTLE_SECONDS, Selector
from shared.documents import Kind
from shared.documents.node import Address, Location, NodeDocument
from shared.documents.selection import (
    DnsLookup,
    Selection,
    SelectionMethod,
    SelectionOverride,
)
from shared.documents.site import SiteDocument
from shared.domain.errors import NoTrafficNode
from shared.domain.ids import Epoch, Instant, NodeId, Revision, UnixMillis
from shared.domain.node import MasterRole, NodeRole
from shared.domain.placement import Choice, SharedAddress
from shared.events.node import NodeHeartbeat
from shared.events.rehearsal import RehearsedClient, RehearseSelection
from shared.events.selection import ClientFacts, ExplainSelection, NodesSelected, SelectNodes

BERLIN, TOKYO, ALPHA = NodeId("berlin"), NodeId("tokyo"), NodeId("alpha")
OSLO = NodeId("oslo")


class HandClock:
    def __init__(self) -> None:
        self.seconds = 100.0

    def now(self) -> Instant:
        return Instant(self.seconds)

    def unix_ms(self) -> UnixMillis:
        return UnixMillis(0)


class DirectoryCopy:
    """A directory that is filled by hand."""

    def __init__(self) -> None:
        self.site: SiteDocument | None = None
        self.nodes: dict[NodeId, NodeDocument] = {}
        self.overrides: dict[tuple[Kind, str], SelectionOverride] = {}
        self.revision = Revision(0)
        self.revisions_heard: list[Revision | None] = []

    def heard(self, revision: Revision | None) -> None:
        self.revisions_heard.append(revision)

    def fill(self, *names: NodeId) -> None:
        self.site = SiteDocument(name="s")
        self.revision = Revision(self.revision + 1)
        for port, name in enumerate(names, start=1):
            role = NodeRole.MASTER if name == ALPHA else NodeRole.TRAFFIC
            address = Address(host=f"{name}.example.com", port=port)
            self.nodes[name] = NodeDocument(role=role, public_address=address)


class Replica:
    def __init__(self, *names: NodeId) -> None:
        self.clock, self.directory = HandClock(), DirectoryCopy()
        self.selector = Selector(
            self.directory, FactCollector(NoGeoDatabase()), self.clock, Roster("1.0"), lambda: 7
        )
        if names:
            self.read(*names)

    def read(self, *names: NodeId) -> None:
        self.directory.fill(*names)
        self.selector.refresh_directory()

    async def relay(self, node: NodeId, *, sessions: int = 0) -> None:
        self.selector.record_heartbeat(
            NodeHeartbeat(
                node=node, service="relay", version="1.0", started_unix_ms=0, sessions=sessions
            )
        )

    async def monitor(self, node: NodeId, revision: int) -> None:
        self.selector.record_heartbeat(
            NodeHeartbeat(
                node=node,
                service="failover_monitor",
                version="1.0",
                started_unix_ms=0,
                role=MasterRole.PRIMARY,
                epoch=Epoch(1),
                applied_revision=Revision(revision),
            )
        )


def rehearsals(replica: Replica) -> Rehearsals:
    return Rehearsals(replica.selector, FactCollector(NoGeoDatabase()), replica.clock)


def question() -> SelectNodes:
    return SelectNodes(client=ClientFacts(address="203.0.113.5"), count=1)


async def test_the_answer_has_addresses_reasons_and_the_revision_it_was_made_from() -> None:
    replica = Replica(BERLIN, ALPHA)
    await replica.relay(BERLIN)
    answer = await replica.selector.select(question())
    assert answer.choices == (Choice(node=BERLIN, host="berlin.example.com", port=1),)
    assert answer.revision == 1
    assert answer.method == "random"
    assert [(v.node, v.rank) for v in answer.explanation] == [(BERLIN, 1)]


async def test_an_explanation_has_a_word_on_everybody_where_an_answer_has_not() -> None:
    replica = Replica(BERLIN, ALPHA)
    await replica.relay(BERLIN)
    asked = ExplainSelection(client=ClientFacts(address="203.0.113.5"))
    answer = await replica.selector.explain(asked)
    assert [(v.node, v.rank) for v in answer.explanation] == [(BERLIN, 1), (ALPHA, None)]
    assert answer.policy == "customer"


async def test_the_client_s_clock_and_the_time_of_now_reach_the_method() -> None:
    replica = Replica(BERLIN, TOKYO)
    zones = {BERLIN: "Europe/Berlin", TOKYO: "Asia/Tokyo"}
    nodes = replica.directory.nodes
    for node, zone in zones.items():
        nodes[node] = nodes[node].model_copy(update={"timezone": zone})
        await replica.relay(node)
    selection = Selection(methods=(SelectionMethod.TIMEZONE_OFFSET,))
    replica.directory.site = SiteDocument(name="s", selection=selection)
    replica.selector.refresh_directory()

    async def asked_at(offset: int) -> tuple[NodeId, str]:
        facts = ClientFacts(address="203.0.113.5", utc_offset_minutes=offset)
        answer = await replica.selector.select(SelectNodes(client=facts))
        return answer.choices[0].node, answer.explanation[0].reason

    assert await asked_at(60) == (BERLIN, "0 minutes around the clock (+01:00, customer +01:00)")
    assert await asked_at(600) == (TOKYO, "60 minutes around the clock (+09:00, customer +10:00)")


async def test_explaining_answers_where_selecting_refuses() -> None:
    replica = Replica(BERLIN, ALPHA)
    await replica.relay(BERLIN, sessions=1_000)
    with pytest.raises(NoTrafficNode, match="full: 1000 of 1000"):
        await replica.selector.select(question())
    asked = ExplainSelection(client=ClientFacts(address="203.0.113.5"))
    answer = await replica.selector.explain(asked)
    assert answer.choices == ()
    assert answer.explanation[1].reason == "full: 1000 of 1000 sessions"


async def test_the_primary_stands_in_as_its_monitor_and_relay_report() -> None:
    replica = Replica(BERLIN, ALPHA)
    await replica.relay(BERLIN, sessions=1_000)
    await replica.relay(ALPHA)
    await replica.monitor(ALPHA, revision=9)
    answer = await replica.selector.select(question())
    assert answer.fallback_to_primary
    assert answer.choices[0].node == ALPHA
    assert replica.directory.revisions_heard == [9]


async def test_a_heartbeat_that_is_old_by_now_no_longer_counts() -> None:
    replica = Replica(BERLIN)
    await replica.relay(BERLIN)
    replica.clock.seconds += 1.6
    with pytest.raises(NoTrafficNode, match=r"suspect: silent for 1\.6 s"):
        await replica.selector.select(question())


async def test_a_new_replica_waits_for_the_nodes_that_it_has_not_heard() -> None:
    replica = Replica(BERLIN, TOKYO)
    await replica.relay(BERLIN)
    asking = asyncio.create_task(replica.selector.select(question()))
    await asyncio.sleep(0)
    assert not asking.done()
    await replica.relay(TOKYO)
    assert len((await asking).choices) == 1


async def test_a_new_replica_waits_for_the_directory_first() -> None:
    replica = Replica()
    asking = asyncio.create_task(replica.selector.select(question()))
    await replica.relay(BERLIN)
    await asyncio.sleep(0)
    assert not asking.done()
    replica.read(BERLIN)
    assert (await asking).choices[0].node == BERLIN


async def test_a_replica_that_has_settled_does_not_wait_for_the_silent() -> None:
    replica = Replica(BERLIN, TOKYO)
    replica.clock.seconds += 2
    await replica.relay(BERLIN)
    answer = await asyncio.wait_for(replica.selector.select(question()), 0.5)
    assert [choice.node for choice in answer.choices] == [BERLIN]


async def test_a_change_of_the_directory_changes_the_prefixes() -> None:
    replica = Replica(BERLIN, TOKYO)
    for node in (BERLIN, TOKYO):
        await replica.relay(node)
    for node in (BERLIN, TOKYO):
        for name, document in replica.directory.nodes.items():
            prefixes = ["203.0.113.0/24"] if name == node else []
            body = document.model_dump() | {"prefixes": prefixes}
            replica.directory.nodes[name] = NodeDocument.model_validate(body)
        replica.selector.refresh_directory()
        assert (await replica.selector.select(question())).choices[0].node == node


async def test_the_method_of_a_question_takes_the_place_of_the_sites() -> None:
    replica = Replica(BERLIN, ALPHA)
    await replica.relay(BERLIN)
    own = question().model_copy(update={"methods": (SelectionMethod.LEAST_LOAD,)})

    assert (await replica.selector.select(question())).method == "random"
    assert (await replica.selector.select(own)).method == "least_load"
    assert (await replica.selector.select(question())).method == "random"


async def test_the_team_s_word_wins_over_the_public_site_s_and_that_over_the_site_s() -> None:
    replica = Replica(BERLIN)
    await replica.relay(BERLIN)
    by_help = SelectionOverride(methods=(SelectionMethod.CONSISTENT,))
    by_team = SelectionOverride(methods=(SelectionMethod.LEAST_LOAD,))
    replica.directory.overrides[Kind.PUBLIC_SITE, "help"] = by_help
    replica.directory.overrides[Kind.TEAM, "desk"] = by_team

    async def method(**where: str) -> str:
        asked = question().model_copy(update=where)
        return (await replica.selector.select(asked)).method

    assert await method() == "random"
    assert await method(public_site="help") == "consistent"
    assert await method(public_site="help", team="desk") == "least_load"
    assert await method(public_site="elsewhere", team="nobody") == "random"


async def test_facts_that_make_no_sense_are_reported_and_the_client_is_placed() -> None:
    replica = Replica(BERLIN)
    await replica.relay(BERLIN)
    facts = ClientFacts.model_validate(
        {"address": "nowhere", "utc_offset_minutes": 99 * 60, "latencies_ms": {"berlin": -1}}
    )
    answer = await replica.selector.select(SelectNodes(client=facts, count=-3))
    assert [choice.node for choice in answer.choices] == [BERLIN]
    assert answer.notes == (
        "customer: a UTC offset beyond -14:00 to +14:00 was left out",
        "customer: 1 impossible values of latencies_ms were left out",
    )


async def test_a_pin_is_first_or_the_answer_says_why_not() -> None:
    replica = Replica(BERLIN, TOKYO)
    await replica.relay(BERLIN)
    await replica.relay(TOKYO)

    async def pinned(node: NodeId) -> tuple[NodeId, tuple[str, ...]]:
        asked = question().model_copy(update={"pin": node})
        answer = await replica.selector.select(asked)
        return answer.choices[0].node, answer.notes

    assert await pinned(TOKYO) == (TOKYO, ())
    assert await pinned(BERLIN) == (BERLIN, ())
    await replica.relay(BERLIN, sessions=1_000)
    assert await pinned(BERLIN) == (
        TOKYO,
        ("pinned to berlin, which is passed over: full: 1000 of 1000 sessions",),
    )
    lost = NodeId("lost")
    assert (await pinned(lost))[1] == (
        "pinned to lost, which is passed over: there is no such node",
    )


async def test_the_shared_address_goes_with_the_answer_when_the_network_decides() -> None:
    replica = Replica(BERLIN)
    await replica.relay(BERLIN)
    address = Address(host="192.0.2.1", port=443)
    selection = Selection(methods=(SelectionMethod.IP_ANYCAST,), ip_anycast=address)
    replica.directory.site = SiteDocument(name="s", selection=selection)
    answer = await replica.selector.select(question())
    assert answer.shared == SharedAddress(host="192.0.2.1", port=443)
    assert [choice.node for choice in answer.choices] == [BERLIN]


async def test_a_replica_that_hears_nobody_any_more_says_so_and_answers() -> None:
    replica = Replica(BERLIN, TOKYO, ALPHA)
    for node in (BERLIN, TOKYO, ALPHA):
        await replica.relay(node)
    before = replica.selector.feed_lost_seconds
    replica.clock.seconds += 12
    answer = await replica.selector.select(question())
    assert (before, replica.selector.feed_lost_seconds) == (None, 12)
    assert answer.notes == ("state feed lost since 12 s: nobody is heard",)
    assert answer.explanation[0].reason.startswith("state feed lost since 12 s: nobody is heard; ")


async def test_a_pin_and_prefixes_go_before_the_shared_address() -> None:
    replica = Replica(BERLIN, TOKYO)
    await replica.relay(BERLIN)
    shared = Address(host="192.0.2.1", port=443)
    selection = Selection(methods=(SelectionMethod.IP_ANYCAST,), ip_anycast=shared)
    replica.directory.site = SiteDocument(name="s", selection=selection)
    replica.selector.refresh_directory()
    replica.clock.seconds += SETTLE_SECONDS

    async def is_shared(asked: SelectNodes) -> bool:
        answer = await replica.selector.select(asked)
        explained = ExplainSelection.model_validate(asked.model_dump())
        assert (await replica.selector.explain(explained)).shared == answer.shared
        return answer.shared is not None

    assert await is_shared(question())
    assert not await is_shared(question().model_copy(update={"pin": BERLIN}))
    assert await is_shared(question().model_copy(update={"pin": TOKYO}))

    for node, is_theirs in ((TOKYO, True), (BERLIN, False)):
        own = replica.directory.nodes[node].model_dump()
        document = NodeDocument.model_validate({**own, "prefixes": ["203.0.113.0/24"]})
        replica.directory.nodes[node] = document
        replica.selector.refresh_directory()
        assert await is_shared(question()) is is_theirs


async def test_a_rehearsal_places_by_the_supposed_rule_and_by_what_is_known_of_a_place() -> None:
    replica = Replica(BERLIN, TOKYO)
    nodes = replica.directory.nodes
    places = {BERLIN: (52.5, 13.4), TOKYO: (35.7, 139.7)}
    for node, (latitude, longitude) in places.items():
        place = Location(latitude=latitude, longitude=longitude)
        nodes[node] = nodes[node].model_copy(update={"location": place})
        await replica.relay(node, sessions=3)
    replica.selector.refresh_directory()
    facts = ClientFacts(address="203.0.113.5")
    osaka = RehearsedClient(facts=facts, location=Location(latitude=34.7, longitude=135.5))
    asked = RehearseSelection(
        clients=(osaka, RehearsedClient(facts=facts, clients=4)),
        rule=Selection(methods=(SelectionMethod.GEO, SelectionMethod.CONSISTENT)),
        failed=(BERLIN,),
    )

    answer = await rehearsals(replica).rehearse(asked)

    assert [each.node for each in answer.placements] == [TOKYO, TOKYO]
    assert answer.placements[0].kilometres == pytest.approx(397, abs=10)
    assert answer.placements[1].kilometres is None
    assert answer.sessions == {TOKYO: 8}
    assert answer.revision == replica.directory.revision


async def test_a_replica_without_a_directory_rehearses_nothing() -> None:
    client = RehearsedClient(facts=ClientFacts(address="203.0.113.5"))
    with pytest.raises(NoTrafficNode):
        await rehearsals(Replica()).rehearse(RehearseSelection(clients=(client,), rule=Selection()))


class CountingNames:
    """DNS that names berlin, and counts how often it is asked."""

    def __init__(self) -> None:
        self.asked = 0

    async def look_up(
        self, method: SelectionMethod, rule: DnsLookup, client: str, nodes: Nodes
    ) -> Lookup:
        del method, rule, client, nodes
        self.asked += 1
        return Lookup({BERLIN: DnsRank()}, basis="192.0.2.1")


def by_dns(*tokyo_prefixes: str) -> tuple[Replica, CountingNames]:
    """A site that goes by DNS, where tokyo has networks of its own."""
    names, replica = CountingNames(), Replica()
    replica.selector = Selector(
        replica.directory,
        FactCollector(NoGeoDatabase(), names),
        replica.clock,
        Roster("1.0"),
        lambda: 7,
    )
    rule = Selection(
        methods=(SelectionMethod.A_RECORD,), a_record=DnsLookup(name="relay.example.com")
    )
    replica.directory.fill(BERLIN, TOKYO, OSLO)
    replica.directory.site = SiteDocument(name="s", selection=rule)
    networks = tuple(ip_network(each) for each in tokyo_prefixes)
    replica.directory.nodes[TOKYO] = replica.directory.nodes[TOKYO].model_copy(
        update={"prefixes": networks}
    )
    replica.selector.refresh_directory()
    return replica, names


async def three_by_dns(replica: Replica, **fields: Any) -> NodesSelected:
    for node in (BERLIN, TOKYO, OSLO):
        await replica.relay(node)
    asked = SelectNodes(client=ClientFacts(address="203.0.113.5"), count=3, **fields)
    return await replica.selector.select(asked)


@pytest.mark.parametrize(
    ("prefixes", "fields", "what"),
    [
        ((), {"pin": TOKYO}, "the pin"),
        (("203.0.113.0/24",), {}, "a network address prefix"),
        (("203.0.113.0/24",), {"pin": TOKYO}, "the pin"),
    ],
)
async def test_nobody_waits_for_dns_when_something_before_it_decides(
    prefixes: tuple[str, ...], fields: dict[str, Any], what: str
) -> None:
    replica, names = by_dns(*prefixes)
    answer = await three_by_dns(replica, **fields)
    assert answer.choices[0].node == TOKYO
    assert names.asked == 0
    assert answer.notes == (
        f"a_record failed: not looked up, because {what} comes first; rendezvous decided",
    )


@pytest.mark.parametrize(
    "fields",
    [
        {},
        {"pin": TOKYO, "avoid": (TOKYO,)},
        {"pin": NodeId("gone")},
    ],
)
async def test_dns_is_asked_when_nothing_before_it_decides(fields: dict[str, Any]) -> None:
    replica, names = by_dns("198.51.100.0/24")
    answer = await three_by_dns(replica, **fields)
    assert answer.choices[0].node == BERLIN
    assert names.asked == 1


async def test_dns_decides_between_nodes_of_one_network() -> None:
    replica, names = by_dns("203.0.113.0/24")
    replica.directory.nodes[BERLIN] = replica.directory.nodes[BERLIN].model_copy(
        update={"prefixes": (ip_network("203.0.113.0/24"),)}
    )
    replica.selector.refresh_directory()
    answer = await three_by_dns(replica)
    assert answer.choices[0].node == BERLIN
    assert names.asked == 1
