"""DnsLookups for clients, asked of real name servers that answer by the client's network."""

import asyncio
import socket
from collections.abc import Generator
from typing import TYPE_CHECKING, Any

import pytest

from services.node_selector.core.dns_matching import Audience, DnsAnswer, Record, match_nodes
from services.node_selector.core.roster import Roster
from services.node_selector.dns.answers import RecordKind, ServerAnswer
from services.node_selector.dns.client import DnsClient, Servers
from services.node_selector.dns.core.networks import Network
from services.node_selector.dns.lookups import DnsLookups
from services.node_selector.dns.node_lookup import NodeLookup
from services.node_selector.dns.zone_servers import ZoneServers
from services.node_selector.placement.fact_collector import FactCollector
from services.node_selector.placement.geo_database import NoGeoDatabase
from services.node_selector.placement.selector import Selector
from shared.documents.node import Address, NodeDocument
from shared.documents.selection import (
    DnsLookup,
    Selection,
    SelectionMethod,
    SelectionOverride,
)
from shared.documents.site import SiteDocument
from shared.domain.ids import NodeId, Revision
from shared.domain.node import NodeRole
from shared.events.node import NodeHeartbeat
from shared.events.selection import ClientFacts, ExplainSelection, NodesSelected
from shared.runtime.clock import SystemClock
from tests.fakes.containment import contained
from tests.integration.node_selector.nameservers import (
    BIND,
    GDNSD,
    POWERDNS,
    NameServers,
    name_servers,
)
from tests.integration.servers import free_port

if TYPE_CHECKING:
    from shared.documents import Kind

pytestmark = pytest.mark.integration

A, SRV = SelectionMethod.A_RECORD, SelectionMethod.SRV_RECORD
FRA, NYC = NodeId("fra"), NodeId("nyc")
ADDRESSES = {
    FRA: Address(host="192.0.2.1", port=7000),
    NYC: Address(host="nyc.example.com", port=7000),
}
IN_FRANKFURT, IN_NEW_YORK, AT_HOME = "198.51.100.7", "9.9.9.9", "192.168.1.7"


@pytest.fixture(scope="module")
def servers(tmp_path_factory: pytest.TempPathFactory) -> Generator[NameServers]:
    with name_servers(tmp_path_factory.mktemp("nameservers")) as servers:
        yield servers


class Counting:
    """Asks as the selector does, and counts."""

    def __init__(self, servers: NameServers) -> None:
        self.zones = ZoneServers(SystemClock(), servers.resolver, servers.port)
        self.lookups = DnsLookups(self, self.zones, SystemClock(), contained())
        self.port = servers.port
        self.asked = 0

    async def ask(
        self, name: str, kind: RecordKind, network: Network | None, fixed: Servers, seconds: float
    ) -> ServerAnswer:
        self.asked += 1
        return await DnsClient(self.zones).ask(name, kind, network, fixed, seconds)

    async def look_up(
        self,
        name: str,
        client: str = IN_FRANKFURT,
        *,
        at: str = "",
        method: SelectionMethod = A,
        port: int = 0,
        seconds: float = 5,
    ) -> DnsAnswer:
        resolvers: list[dict[str, Any]] = [{"address": at, "port": port or self.port}] if at else []
        fields = {"name": name, "timeout_seconds": seconds, "resolvers": resolvers}
        rule = DnsLookup.model_validate(fields)
        hosts = [address.host for address in ADDRESSES.values()]
        return await self.lookups.look_up(method, rule, client, hosts)


@pytest.fixture
def asking(servers: NameServers) -> Counting:
    return Counting(servers)


def nodes(found: DnsAnswer) -> set[NodeId]:
    return set(match_nodes(found, ADDRESSES))


@pytest.mark.parametrize(
    ("server", "name"), [(POWERDNS, "nodes.geo.example.com"), (GDNSD, "nodes.geo.example.net")]
)
async def test_clients_are_led_by_their_networks(asking: Counting, server: str, name: str) -> None:
    found = [await asking.look_up(name, each, at=server) for each in (IN_FRANKFURT, IN_NEW_YORK)]
    assert [nodes(each) for each in found] == [{FRA}, {NYC}]
    assert found[0].audience is Audience.CLIENT


async def test_the_zone_s_own_servers_are_found_and_asked(asking: Counting) -> None:
    found = [
        await asking.look_up("nodes.geo.example.com", client)
        for client in (IN_FRANKFURT, "2001:db8:1:99::5", IN_NEW_YORK)
    ]
    assert [(nodes(each), each.audience) for each in found] == [
        ({FRA}, Audience.CLIENT),
        ({FRA}, Audience.CLIENT),
        ({NYC}, Audience.CLIENT),
    ]


async def test_an_answer_for_a_20_serves_it_and_no_other_network(asking: Counting) -> None:
    counts: list[int] = []
    for client in ("198.51.96.7", "198.51.111.7", "198.51.112.7"):
        await asking.look_up("nodes.geo.example.net", client, at=GDNSD)
        counts.append(asking.asked)
    assert counts[0] == counts[1] < counts[2]


async def test_a_private_address_is_not_sent_and_the_answer_not_for_it(asking: Counting) -> None:
    found = await asking.look_up("nodes.geo.example.com", AT_HOME, at=POWERDNS)
    assert (nodes(found), found.audience) == ({NYC}, Audience.UNKNOWN)


async def test_a_server_that_knows_no_networks_answers_everybody(asking: Counting) -> None:
    found = await asking.look_up("nodes.example.com", at=BIND)
    assert (nodes(found), found.audience) == ({FRA}, Audience.EVERYBODY)


async def test_srv_records_name_nodes_by_host_and_port(asking: Counting) -> None:
    found = await asking.look_up("_relay._tcp.example.com", method=SRV)
    assert set(found.records) == {
        Record("fra.example.com", 7000, 10, 60),
        Record("nyc.example.com", 7000, 10, 40),
        Record("spare.example.com", 7001, 20, 0),
    }
    assert nodes(found) == {FRA, NYC}


@pytest.mark.parametrize(
    "name", ["here.example.com", "abroad.example.com", "abroad.geo.example.net"]
)
async def test_aliases_are_followed_even_into_another_zone(asking: Counting, name: str) -> None:
    found = await asking.look_up(name)
    assert nodes(found) == {FRA}
    assert found.records[0] == Record("192.0.2.1")


async def test_an_answer_too_long_for_a_datagram_comes_by_tcp(asking: Counting) -> None:
    assert len((await asking.look_up("many.example.com", at=BIND)).records) == 90


@pytest.mark.parametrize(
    ("name", "method", "failure"),
    [
        ("nowhere.example.com", A, "nowhere.example.com does not exist (NXDOMAIN)"),
        ("textual.example.com", A, "textual.example.com has no address"),
        ("nodes.example.com", SRV, "nodes.example.com has no SRV record"),
    ],
)
async def test_what_is_not_there_is_reported_and_not_asked_for_again(
    asking: Counting, name: str, method: SelectionMethod, failure: str
) -> None:
    for _ in range(3):
        assert (await asking.look_up(name, method=method)).failure == failure
    assert asking.asked == (2 if method is A else 1)


async def test_a_zone_that_the_server_does_not_have_is_refused_by_name(asking: Counting) -> None:
    found = await asking.look_up("nodes.example.net", at=GDNSD)
    assert found.failure == f"nodes.example.net: {GDNSD}@{asking.port} answered REFUSED"


async def test_a_zone_whose_servers_cannot_be_found_is_reported(asking: Counting) -> None:
    found = await asking.look_up("nodes.elsewhere.example.org", seconds=2)
    assert found.failure is not None
    assert found.failure.startswith("nodes.elsewhere.example.org: the servers of its zone were not")


async def test_a_server_that_never_answers_costs_no_more_than_the_time_allowed(
    asking: Counting,
) -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as deaf:
        deaf.bind(("127.0.0.1", 0))
        port = deaf.getsockname()[1]
        async with asyncio.timeout(3):
            found = await asking.look_up("a.example.com", at="127.0.0.1", port=port, seconds=0.3)
    assert found.failure == "a.example.com: no answer within 0.3 s"


async def test_a_port_where_nobody_listens_is_a_failure_and_no_error(asking: Counting) -> None:
    found = await asking.look_up("a.example.com", at="127.0.0.1", port=free_port(), seconds=0.5)
    assert found.failure is not None
    assert found.failure.startswith("a.example.com: ")


class DirectoryCopy:
    """A directory of the nodes in `ADDRESSES`, under one rule."""

    def __init__(self, selection: Selection) -> None:
        self.site = SiteDocument(name="site", selection=selection)
        self.nodes = {
            node: NodeDocument(role=NodeRole.TRAFFIC, public_address=address)
            for node, address in ADDRESSES.items()
        }
        self.overrides: dict[tuple[Kind, str], SelectionOverride] = {}
        self.revision = Revision(1)

    def heard(self, revision: Revision | None) -> None:
        del revision


async def selected(asking: Counting, name: str, client: str) -> NodesSelected:
    """The answer of a whole node selector to a client, with `a_record` before `consistent`."""
    resolver = {"address": POWERDNS, "port": asking.port}
    rule = {"name": name, "resolvers": [resolver], "timeout_seconds": 1}
    rules = {"methods": ["a_record", "consistent"], "a_record": rule}
    ends = FactCollector(NoGeoDatabase(), NodeLookup(asking.lookups))
    directory = DirectoryCopy(Selection.model_validate(rules))
    selector = Selector(directory, ends, SystemClock(), Roster("1.0"), lambda: 7)
    selector.refresh_directory()
    for node in ADDRESSES:
        beat = NodeHeartbeat(node=node, service="relay", version="1.0", started_unix_ms=0)
        selector.record_heartbeat(beat)
    return await selector.explain(ExplainSelection(client=ClientFacts(address=client)))


@pytest.mark.parametrize(("client", "first"), [(IN_FRANKFURT, FRA), (IN_NEW_YORK, NYC)])
async def test_a_client_lands_where_dns_leads_its_network_and_learns_why(
    asking: Counting, client: str, first: NodeId
) -> None:
    answer = await selected(asking, "nodes.geo.example.com", client)
    assert answer.method == "a_record"
    assert answer.choices[0].node == first
    assert "nodes.geo.example.com answered 192.0.2." in answer.explanation[0].reason


async def test_a_lookup_that_fails_leaves_it_to_the_next_method_and_says_so(
    asking: Counting,
) -> None:
    answer = await selected(asking, "nowhere.geo.example.com", IN_FRANKFURT)
    assert answer.method == "consistent"
    assert answer.notes == (
        "a_record failed: nowhere.geo.example.com does not exist (NXDOMAIN); consistent decided",
    )


async def test_an_answer_that_names_no_node_is_reported(asking: Counting) -> None:
    answer = await selected(asking, "ns.geo.example.com", IN_FRANKFURT)
    assert answer.method == "consistent"
    assert "answered 127.0.0.2, which is no node's public address" in answer.notes[0]
