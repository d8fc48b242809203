"""A thousand nodes and ten thousand networks, asked as a gateway asks."""

from collections import Counter
from typing import TYPE_CHECKING

import pytest

from services.node_selector.core.roster import Roster
from services.node_selector.placement.fact_collector import FactCollector
from services.node_selector.placement.geo_database import NoGeoDatabase
from services.node_selector.placement.selector import Selector
from shared.documents.node import Address, NodeDocument
from shared.documents.selection import SelectionMethod, SelectionOverride
from shared.documents.site import SiteDocument
from shared.domain.ids import Instant, NodeId, Revision, UnixMillis
from shared.domain.node import NodeRole
from shared.events.node import NodeHeartbeat
from shared.events.selection import ClientFacts, ExplainSelection, SelectNodes

if TYPE_CHECKING:
    from shared.documents import Kind

NODES, NETWORKS_EACH = 1_000, 10
ZONES = ("+00:00", "+01:00", "+05:30", "-08:00")


class Clock:
    def now(self) -> Instant:
        return Instant(1.0)

    def unix_ms(self) -> UnixMillis:
        return UnixMillis(0)


class DirectoryCopy:
    """A directory of the size of a large site."""

    def __init__(self) -> None:
        self.site: SiteDocument | None = SiteDocument(name="large")
        self.overrides: dict[tuple[Kind, str], SelectionOverride] = {}
        self.revision = Revision(1)
        self.nodes = {
            NodeId(f"n{number}"): NodeDocument.model_validate(
                {
                    "role": NodeRole.TRAFFIC,
                    "public_address": Address(host=f"n{number}.example.com", port=443),
                    "timezone": ZONES[number % len(ZONES)],
                    "prefixes": [
                        f"10.{(number * NETWORKS_EACH + each) >> 8}."
                        f"{(number * NETWORKS_EACH + each) & 255}.0/24"
                        for each in range(NETWORKS_EACH)
                    ],
                }
            )
            for number in range(NODES)
        }

    def heard(self, revision: Revision | None) -> None:
        del revision


@pytest.fixture(scope="module")
def directory() -> DirectoryCopy:
    return DirectoryCopy()


async def selector(directory: DirectoryCopy) -> Selector:
    chances = iter(range(1, 10**6))
    made = Selector(
        directory,
        FactCollector(NoGeoDatabase()),
        Clock(),
        Roster("1.0"),
        lambda: next(chances) * 2**40,
    )
    made.refresh_directory()
    for node in directory.nodes:
        made.record_heartbeat(
            NodeHeartbeat(node=node, service="relay", version="1.0", started_unix_ms=0)
        )
    return made


async def test_every_network_leads_to_its_node(directory: DirectoryCopy) -> None:
    here = await selector(directory)
    for number in range(0, NODES * NETWORKS_EACH, 97):
        facts = ClientFacts(address=f"10.{number >> 8}.{number & 255}.9")
        answer = await here.select(SelectNodes(client=facts))
        assert answer.choices[0].node == f"n{number // NETWORKS_EACH}"
        assert len(answer.choices) == len(answer.explanation) == 3


async def test_the_nodes_of_a_zone_share_its_clients(directory: DirectoryCopy) -> None:
    here = await selector(directory)
    firsts = Counter[NodeId]()
    for number in range(500):
        facts = ClientFacts(address=f"192.0.{number >> 8}.{number & 255}", utc_offset_minutes=330)
        asked = SelectNodes(client=facts, methods=(SelectionMethod.TIMEZONE_OFFSET,))
        firsts[(await here.select(asked)).choices[0].node] += 1
    assert {int(node[1:]) % len(ZONES) for node in firsts} == {ZONES.index("+05:30")}
    assert len(firsts) > 150
    assert max(firsts.values()) < 15


async def test_an_explanation_has_a_word_on_every_node(directory: DirectoryCopy) -> None:
    here = await selector(directory)
    asked = ExplainSelection(client=ClientFacts(address="203.0.113.9"))
    answer = await here.explain(asked)
    assert [each.rank for each in answer.explanation] == list(range(1, NODES + 1))
