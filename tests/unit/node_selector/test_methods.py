"""What each method ranks by, and what it does with what it does not know."""

from collections import Counter
from typing import Any

import pytest

from services.node_selector.core.eligibility import Candidate
from services.node_selector.core.facts import DnsRank, End, Lookup
from services.node_selector.core.pool import Pool
from services.node_selector.core.sampling import Shares, hash_text, rendezvous_order
from services.node_selector.core.selection import Placement, place
from shared.documents.node import Address, Location
from shared.documents.selection import LatencyRule, SelectionMethod, SelectionPolicy
from shared.domain.ids import Instant, NodeId
from shared.domain.node import Side
from tests.unit.node_selector.examples import candidate, field, question, status

RANDOM, ZONE, LOAD, GEO, LATENCY, SRV, A, SAME, CAST = (
    SelectionMethod.RANDOM,
    SelectionMethod.TIMEZONE_OFFSET,
    SelectionMethod.LEAST_LOAD,
    SelectionMethod.GEO,
    SelectionMethod.LATENCY,
    SelectionMethod.SRV_RECORD,
    SelectionMethod.A_RECORD,
    SelectionMethod.CONSISTENT,
    SelectionMethod.IP_ANYCAST,
)
BERLIN, DENVER, TOKYO = NodeId("berlin"), NodeId("denver"), NodeId("tokyo")
MOST_NODES = {
    BERLIN: Location(latitude=52.5, longitude=13.4),
    DENVER: Location(latitude=39.7, longitude=-105.0),
    TOKYO: Location(latitude=35.7, longitude=139.7),
}
LONDON = Location(latitude=51.5, longitude=-0.1)
HONOLULU = Location(latitude=21.3, longitude=-157.9)


def reasons(placement: Placement) -> dict[NodeId, str]:
    return {each.node: each.reason for each in placement.verdicts}


def first_by(method: SelectionMethod, nodes: list[Candidate], chance: int) -> NodeId:
    return place(question(chance=chance), field(nodes, method=method)).chosen[0]


def three(**fields: Any) -> list[Candidate]:
    return [candidate(node, **fields) for node in MOST_NODES]


@pytest.mark.parametrize("crowd", [0, 60])
def test_random_shares_by_capacity_times_weight(crowd: int) -> None:
    """With a crowd that may take nobody, too, among which few samples hit."""
    weights = {BERLIN: (600, 1), DENVER: (100, 2), TOKYO: (50, 4)}
    nodes = [
        candidate(node, capacity=capacity, weight=weight)
        for node, (capacity, weight) in weights.items()
    ]
    nodes += [
        candidate(f"full-{number}", status=status(sessions=10_000)) for number in range(crowd)
    ]
    shares = Counter(first_by(RANDOM, nodes, chance) for chance in range(2_000))
    for node, (capacity, weight) in weights.items():
        assert abs(shares[node] / 2_000 - capacity * weight / 1_000) < 0.04


def test_a_node_without_weight_comes_behind_everybody() -> None:
    nodes = [candidate(BERLIN, weight=0), candidate(DENVER, capacity=1), candidate(TOKYO)]
    for chance in range(50):
        assert place(question(chance=chance), field(nodes)).chosen[2] == BERLIN


def test_the_explanation_of_random_names_the_weight() -> None:
    placement = place(question(), field([candidate(BERLIN, capacity=20, weight=3)]))
    assert reasons(placement)[BERLIN] == "random, weight 60"


def test_a_node_that_came_back_is_drawn_more_and_more_often_as_time_goes_by() -> None:
    def share(seconds: float) -> float:
        back = candidate(DENVER)
        back.back_at = Instant(100.0)
        nodes, now = [candidate(BERLIN), back], Instant(100.0 + seconds)
        placements = [
            place(question(chance=chance, now=now), field(nodes)) for chance in range(1_000)
        ]
        return sum(each.chosen[0] == DENVER for each in placements) / 1_000

    assert share(0) < 0.09
    assert abs(share(10) - 0.25) < 0.05, "a third of its weight beside one whole"
    assert abs(share(30) - 0.5) < 0.05


def test_the_explanation_shows_how_much_a_node_that_came_back_takes() -> None:
    back = candidate(DENVER)
    back.back_at = Instant(100.0)
    placement = place(question(now=Instant(115.0)), field([back]))
    assert reasons(placement)[DENVER] == "random, weight 1000, 50% of it while it comes back"


def clocked(timezone: str | None, offset: int | None, at: int = 0) -> str:
    nodes = [candidate(BERLIN, timezone=timezone)]
    return reasons(place(question(offset=offset, at=at), field(nodes, method=ZONE)))[BERLIN]


def test_the_explanation_shows_both_clocks() -> None:
    assert clocked("Europe/Berlin", 60) == "0 minutes around the clock (+01:00, customer +01:00)"
    assert clocked("Asia/Kolkata", 60) == "270 minutes around the clock (+05:30, customer +01:00)"
    assert clocked("+05:45", 345).startswith("0 minutes")
    assert clocked("Asia/Tokyo", -480).startswith("420 minutes"), "over the other side of the day"


def test_a_node_that_keeps_summer_time_moves_by_itself() -> None:
    july = 196 * 86_400_000 + 10 * 365 * 86_400_000
    assert clocked("Europe/Berlin", 60, july).startswith("60 minutes")


def test_a_node_without_a_timezone_comes_behind_those_with_one() -> None:
    nodes = [candidate(BERLIN), candidate(TOKYO, timezone="+13:00")]
    placement = place(question(offset=0), field(nodes, method=ZONE))
    assert placement.chosen == (TOKYO, BERLIN)
    assert reasons(placement)[BERLIN] == "no timezone"


def test_a_client_without_an_offset_goes_to_the_next_method_and_that_is_reported() -> None:
    nodes = [candidate(BERLIN, timezone="+01:00"), candidate(TOKYO, status=status(sessions=1))]
    placement = place(question(), field(nodes, method=(ZONE, LOAD)))
    assert placement.chosen[0] == BERLIN
    assert placement.method == "least_load"
    assert placement.notes == (
        "timezone_offset failed: the UTC offset of the customer is unknown; least_load decided",
    )


def test_equally_near_clocks_go_to_the_next_method() -> None:
    nodes = [
        candidate(BERLIN, timezone="Europe/Berlin", status=status(sessions=7)),
        candidate(DENVER, timezone="Europe/Paris", status=status(sessions=3)),
        candidate(TOKYO, timezone="Asia/Tokyo"),
    ]
    placement = place(question(offset=60), field(nodes, method=(ZONE, LOAD)))
    assert placement.chosen == (DENVER, BERLIN, TOKYO)
    assert placement.method == "timezone_offset"


@pytest.mark.parametrize(
    ("sessions", "best"),
    [({BERLIN: 7, DENVER: 6}, DENVER), ({BERLIN: 6, DENVER: 7}, BERLIN)],
)
def test_of_two_that_are_drawn_the_less_full_is_taken(
    sessions: dict[NodeId, int], best: NodeId
) -> None:
    nodes = [candidate(name, status=status(sessions=count)) for name, count in sessions.items()]
    assert all(first_by(LOAD, nodes, chance) == best for chance in range(50))


def test_the_fullest_of_three_is_never_first_and_the_emptiest_not_always() -> None:
    nodes = [
        candidate(node, status=status(sessions=count))
        for node, count in ((BERLIN, 9), (DENVER, 5), (TOKYO, 1))
    ]
    firsts = Counter(first_by(LOAD, nodes, chance) for chance in range(500))
    assert firsts[BERLIN] == 0
    assert 280 < firsts[TOKYO] < 390, "two thirds of the pairs hold it"


def test_fullness_is_a_share_of_the_capacity() -> None:
    large = candidate(BERLIN, status=status(sessions=30), capacity=1_000)
    small = candidate(DENVER, status=status(sessions=20), capacity=40)
    placement = place(question(), field([large, small], method=LOAD))
    assert placement.chosen[0] == BERLIN
    assert reasons(placement)[BERLIN] == "30 of 1000 sessions; drawn for comparison"


def test_of_three_one_is_not_drawn_and_that_is_reported() -> None:
    shown = reasons(place(question(), field(three(), method=LOAD)))
    assert sorted(shown.values()) == [
        "0 of 1000 sessions; drawn for comparison",
        "0 of 1000 sessions; drawn for comparison",
        "0 of 1000 sessions; not drawn",
    ]


def kept(address: str, names: list[str], chance: int = 0) -> NodeId:
    nodes = [candidate(name) for name in names]
    return place(question(address, chance=chance), field(nodes, method=SAME)).chosen[0]


def test_a_client_keeps_its_node_whatever_is_drawn_and_only_a_leaving_node_moves_its_own() -> None:
    names = [f"node-{number}" for number in range(8)]
    clients = [f"203.0.113.{number}" for number in range(250)]
    before = {client: kept(client, names) for client in clients}

    assert all(kept(client, names, chance=5) == before[client] for client in clients)
    assert min(Counter(before.values()).values()) > 10
    after = {client: kept(client, names[:-1]) for client in clients}
    assert {c for c in clients if after[c] != before[c]} == {
        c for c in clients if before[c] == names[-1]
    }


def test_the_hash_shares_by_weight() -> None:
    pool = Pool([candidate("light"), candidate("heavy", weight=3)])
    whole = Shares(0.0, 0.0)
    firsts = Counter(
        next(rendezvous_order(pool, hash_text(str(number)), whole, frozenset())).node
        for number in range(999)
    )
    assert abs(firsts[NodeId("heavy")] / 999 - 0.75) < 0.05


def test_consistent_says_for_whom() -> None:
    node = candidate(BERLIN, capacity=20, weight=3)
    placement = place(question("198.51.100.9"), field([node], method=SAME))
    assert reasons(placement)[BERLIN] == "always the same for 198.51.100.9, weight 60"


def located() -> list[Candidate]:
    return [candidate(node, location=place) for node, place in MOST_NODES.items()]


def test_geo_takes_the_nearest_on_the_globe() -> None:
    asked = question(end=End("198.51.100.9", location=LONDON))
    placement = place(asked, field(located(), method=GEO))
    assert placement.chosen == (BERLIN, DENVER, TOKYO)
    assert reasons(placement)[BERLIN] == "929 km"


def test_without_a_place_geo_knows_nothing_and_says_why() -> None:
    asked = question(end=End("198.51.100.9", no_location="the database of places is gone"))
    placement = place(asked, field(located(), method=(GEO, SAME)))
    assert placement.method == "consistent"
    assert placement.notes == ("geo failed: the database of places is gone; consistent decided",)


def ends(**facts: tuple[Any, Any]) -> tuple[End, End]:
    """A customer and a representative; each fact is a pair."""
    both = [{name: pair[side] for name, pair in facts.items()} for side in (0, 1)]
    return (
        End("198.51.100.9", **both[0]),
        End("203.0.113.9", Side.REPRESENTATIVE, **both[1]),
    )


@pytest.mark.parametrize(
    ("policy", "nearest", "shown"),
    [
        (SelectionPolicy.CUSTOMER, BERLIN, "929 km"),
        (SelectionPolicy.REPRESENTATIVE, DENVER, "5,377 km"),
        (SelectionPolicy.PAIR, BERLIN, "12,695 km"),
    ],
)
def test_the_policy_says_whose_distance_counts(
    policy: SelectionPolicy, nearest: NodeId, shown: str
) -> None:
    customer, representative = ends(location=(LONDON, HONOLULU))
    asked = question(end=customer, other=representative)
    placement = place(asked, field(located(), method=GEO, policy=policy))
    assert placement.chosen[0] == nearest
    assert reasons(placement)[nearest] == shown


def test_the_pair_is_the_same_whoever_asks() -> None:
    customer, representative = ends(location=(LONDON, HONOLULU))
    rule = field(located(), method=(GEO, SAME), policy=SelectionPolicy.PAIR)
    one = place(question(end=customer, other=representative), rule)
    assert place(question(end=representative, other=customer), rule).chosen == one.chosen


def test_a_policy_for_an_end_that_is_not_there_yet_is_reported() -> None:
    asked = question(end=End("198.51.100.9", location=LONDON))
    for policy in (SelectionPolicy.PAIR, SelectionPolicy.REPRESENTATIVE):
        placement = place(asked, field(located(), method=GEO, policy=policy))
        assert placement.chosen[0] == BERLIN
        assert placement.notes == (f"policy {policy}: only the customer is known yet",)


def test_the_sum_of_both_clocks_counts_for_the_pair() -> None:
    nodes = [candidate(name, timezone=name) for name in ("+00:00", "+06:00", "+12:00")]
    customer, representative = ends(utc_offset_minutes=(0, 660))
    asked = question(end=customer, other=representative)
    placement = place(asked, field(nodes, method=ZONE, policy=SelectionPolicy.PAIR))
    assert reasons(placement)[NodeId("+06:00")] == (
        "660 minutes around the clock (+06:00, customer +00:00, representative +11:00)"
    )


def measured(**latencies: float) -> dict[NodeId, float]:
    return {NodeId(name): value for name, value in latencies.items()}


def test_latency_takes_the_nearest_and_the_unmeasured_last() -> None:
    end = End("198.51.100.9", latencies_ms=measured(denver=80, tokyo=12.5))
    placement = place(question(end=end), field(three(), method=LATENCY))
    assert placement.chosen == (TOKYO, DENVER, BERLIN)
    assert reasons(placement)[TOKYO] == "12.5 ms from the customer"
    assert reasons(placement)[BERLIN] == "latency not measured"


def test_the_pair_s_latencies_are_added_and_half_a_path_is_none() -> None:
    customer, representative = ends(
        latencies_ms=(measured(berlin=10, denver=50, tokyo=1), measured(berlin=90, denver=20))
    )
    asked = question(end=customer, other=representative)
    placement = place(asked, field(three(), method=LATENCY, policy=SelectionPolicy.PAIR))
    assert placement.chosen == (DENVER, BERLIN, TOKYO)
    assert (
        reasons(placement)[DENVER] == "50.0 ms from the customer + 20.0 ms from the representative"
    )


def test_an_end_that_measured_nothing_is_left_out_of_the_sum() -> None:
    customer, representative = ends(latencies_ms=({}, measured(denver=20)))
    asked = question(end=customer, other=representative)
    placement = place(asked, field(three(), method=LATENCY, policy=SelectionPolicy.PAIR))
    assert placement.chosen[0] == DENVER


def test_a_measurement_that_is_too_old_counts_no_more_and_that_is_reported() -> None:
    end = End(
        "198.51.100.9",
        latencies_ms=measured(berlin=5, tokyo=50),
        latency_ages_seconds=measured(berlin=301, tokyo=299),
    )
    placement = place(question(end=end), field(three(), method=LATENCY))
    assert placement.chosen[0] == TOKYO
    assert reasons(placement)[BERLIN] == "5.0 ms from the customer, too old: 301 s"


def test_nothing_young_enough_goes_to_the_next_method() -> None:
    end = End(
        "198.51.100.9",
        latencies_ms=measured(berlin=5),
        latency_ages_seconds=measured(berlin=301),
    )
    placement = place(question(end=end), field(three(), method=(LATENCY, SAME)))
    assert placement.notes == (
        "latency failed: no measurement of a node here is younger than 300 s; consistent decided",
    )


@pytest.mark.parametrize(("tokyo", "first"), [(31, BERLIN), (30.5, BERLIN), (29, TOKYO)])
def test_a_node_that_has_the_session_keeps_it_unless_another_is_clearly_nearer(
    tokyo: float, first: NodeId
) -> None:
    end = End("198.51.100.9", latencies_ms=measured(berlin=40, tokyo=tokyo))
    rule = field(three(), method=LATENCY, latency=LatencyRule(hysteresis_ms=10))
    placement = place(question(end=end, current=BERLIN), rule)
    assert placement.chosen[0] == first
    assert reasons(placement)[BERLIN] == "40.0 ms from the customer (it has the session)"


def looked_up(method: SelectionMethod, lookup: Lookup) -> End:
    return End("198.51.100.9", lookups={method: lookup})


def test_the_nodes_that_records_name_come_first_and_the_next_method_decides_among_them() -> None:
    lookup = Lookup({BERLIN: DnsRank(), TOKYO: DnsRank()}, basis="192.0.2.1 from ns1")
    rule = field(three(status=status(sessions=0)), method=(A, SAME))
    placement = place(question(end=looked_up(A, lookup)), rule)
    assert set(placement.chosen[:2]) == {BERLIN, TOKYO}
    shown = reasons(placement)
    assert shown[BERLIN].startswith("a_record: 192.0.2.1 from ns1; always the same")
    assert shown[DENVER].startswith("a_record: not named; always the same")


def test_a_failed_lookup_goes_to_the_next_method_and_says_so() -> None:
    rule = field(three(timezone="+01:00"), method=(A, ZONE))
    end = End("198.51.100.9", utc_offset_minutes=60, lookups={A: Lookup(failure="NXDOMAIN")})
    placement = place(question(end=end), rule)
    assert placement.method == "timezone_offset"
    assert placement.notes == ("a_record failed: NXDOMAIN; timezone_offset decided",)
    assert reasons(placement)[BERLIN].startswith("a_record failed: NXDOMAIN; 0 minutes")


def test_names_of_no_node_that_may_take_the_client_are_no_help() -> None:
    lookup = Lookup({BERLIN: DnsRank()}, basis="192.0.2.1")
    nodes = [candidate(BERLIN, status=status(draining=True)), candidate(TOKYO)]
    placement = place(question(end=looked_up(A, lookup)), field(nodes, method=A))
    assert placement.chosen == (TOKYO,)
    assert placement.method == "rendezvous"
    assert placement.notes == (
        "a_record failed: no node that may take the client was named; rendezvous decided",
    )


def test_a_priority_comes_before_a_weight_and_weights_share() -> None:
    lookup = Lookup({BERLIN: DnsRank(20, 100), DENVER: DnsRank(10, 1), TOKYO: DnsRank(10, 3)})
    firsts = Counter[NodeId]()
    for chance in range(800):
        asked = question(end=looked_up(SRV, lookup), chance=chance)
        chosen = place(asked, field(three(), method=SRV)).chosen
        assert chosen[2] == BERLIN
        firsts[chosen[0]] += 1
    assert abs(firsts[TOKYO] / 800 - 0.75) < 0.06


def test_a_lookup_that_nobody_configured_is_a_failure_like_any_other() -> None:
    placement = place(question(), field(three(), method=(SRV, SAME)))
    assert placement.notes == ("srv_record failed: no lookup is configured; consistent decided",)


def test_behind_a_shared_address_the_network_chooses_and_alternates_are_named() -> None:
    rule = field(three(), method=(CAST, LOAD), ip_anycast=Address(host="192.0.2.1", port=443))
    placement = place(question(), rule)
    assert placement.method == "ip_anycast"
    assert len(placement.chosen) == 3
    assert "the network chooses behind 192.0.2.1; 0 of 1000" in reasons(placement)[BERLIN]
