"""A site as the field's white paper draws it: two traffic nodes each in three cities.

Oakland, Boston and London stand at eight, five and no hours behind UTC, an hour less in summer.
"""

from collections import Counter
from collections.abc import Iterable
from datetime import UTC, datetime

import pytest

from services.node_selector.core.eligibility import Candidate
from services.node_selector.core.selection import Placement, place
from shared.documents.selection import SelectionMethod
from shared.domain.ids import NodeId, UnixMillis
from shared.domain.liveness import Liveness
from tests.unit.node_selector.examples import candidate, field, question, status

ZONES = {"oakland": "America/Los_Angeles", "boston": "America/New_York", "london": "Europe/London"}
WINTER = UnixMillis(round(datetime(2026, 1, 15, tzinfo=UTC).timestamp() * 1_000))
SUMMER = UnixMillis(round(datetime(2026, 7, 15, tzinfo=UTC).timestamp() * 1_000))
DEAD = status(Liveness.DEAD)


def nodes(dead: Iterable[str] = ()) -> list[Candidate]:
    gone = set(dead)
    return [
        candidate(
            f"{city}-{number}",
            timezone=zone,
            status=DEAD if f"{city}-{number}" in gone else status(),
        )
        for city, zone in ZONES.items()
        for number in (1, 2)
    ]


def placed(
    hours: float,
    *,
    address: str = "198.51.100.9",
    at: UnixMillis = WINTER,
    dead: Iterable[str] = (),
) -> Placement:
    asked = question(address, offset=round(hours * 60), at=at)
    return place(asked, field(nodes(dead), method=SelectionMethod.TIMEZONE_OFFSET))


def city(node: NodeId) -> str:
    return node.rpartition("-")[0]


@pytest.mark.parametrize(
    ("whose", "hours", "nearest"),
    [
        ("Seattle", -8, "oakland"),
        ("Honolulu", -10, "oakland"),
        ("Denver", -7, "oakland"),
        ("Chicago", -6, "boston"),
        ("Sao Paulo", -3, "boston"),
        ("the Azores", -1, "london"),
        ("Berlin", 1, "london"),
        ("Mumbai", 5.5, "london"),
        ("Tokyo", 9, "oakland"),
        ("Auckland", 13, "oakland"),
    ],
)
def test_a_client_comes_to_the_city_whose_clock_is_nearest(
    whose: str, hours: float, nearest: str
) -> None:
    answer = placed(hours)
    assert [city(node) for node in answer.chosen[:2]] == [nearest, nearest], whose
    assert answer.method == "timezone_offset"


def test_in_summer_the_cities_move_with_their_clients() -> None:
    assert city(placed(-7, at=SUMMER).chosen[0]) == "oakland"
    assert city(placed(-4, at=SUMMER).chosen[0]) == "boston"
    assert city(placed(1, at=SUMMER).chosen[0]) == "london"


def test_the_two_nodes_of_a_city_share_its_clients_and_each_client_keeps_its_own() -> None:
    addresses = [f"198.51.100.{number}" for number in range(250)]
    answers = [placed(1, address=address).chosen[0] for address in addresses]
    assert min(Counter(answers).values()) > 90
    assert answers == [placed(1, address=address).chosen[0] for address in addresses]


def test_when_a_node_is_gone_its_neighbour_takes_over_and_then_the_next_city() -> None:
    assert placed(1, dead=["london-1"]).chosen[0] == "london-2"
    both = placed(1, dead=["london-1", "london-2"])
    assert city(both.chosen[0]) == "boston"
    refused = {each.node: each.reason for each in both.verdicts if each.rank is None}
    assert set(refused) == {"london-1", "london-2"}
    assert all(reason.startswith("dead") for reason in refused.values())


def test_a_network_of_a_node_wins_over_the_clock() -> None:
    site = [*nodes(), candidate("boston-3", "198.51.100.0/24", timezone="America/New_York")]
    asked = question("198.51.100.9", offset=60, at=WINTER)
    answer = place(asked, field(site, method=SelectionMethod.TIMEZONE_OFFSET))
    assert answer.chosen[0] == "boston-3"
    assert city(answer.chosen[1]) == "london"
