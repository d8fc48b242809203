import math
from collections import Counter

from services.node_selector.core.eligibility import Candidate
from services.node_selector.core.methods import Client, Standings, rendezvous, standings
from shared.documents.selection import SelectionMethod
from shared.domain.ids import NodeId, UnixMillis
from tests.unit.node_selector.examples import ALIVE, candidate, document, seen

NODES = [NodeId(name) for name in ("berlin", "denver", "tokyo")]
BERLIN = 60
"""Minutes; the clock of these tests stands at the first moment of 1970, a winter."""


def drawn(chance: int, node: NodeId = NODES[0], **fields: object) -> Standings:
    client = Client("198.51.100.9", chance=chance)
    drawn_from = Candidate(node, document(**fields), ALIVE)
    return standings((SelectionMethod.RANDOM,), [drawn_from], client)[node]


def first(weights: dict[NodeId, int], chance: int) -> NodeId:
    return min(
        weights, key=lambda node: drawn(chance, node, capacity=100, weight=weights[node]).costs[0]
    )


def test_random_shares_by_capacity_and_weight() -> None:
    weights: dict[NodeId, int] = dict(zip(NODES, (1, 2, 5), strict=True))
    shares = Counter(first(weights, chance) for chance in range(2_000))
    for node, weight in weights.items():
        assert abs(shares[node] / 2_000 - weight / 8) < 0.04


def test_capacity_counts_as_much_as_weight() -> None:
    assert drawn(1, capacity=600, weight=1) == drawn(1, capacity=100, weight=6)


def test_a_node_without_weight_comes_behind_everybody() -> None:
    assert drawn(1, weight=0).costs[0] == math.inf
    assert drawn(1, capacity=1).costs[0] < math.inf


def test_the_same_chance_gives_the_same_cost() -> None:
    assert drawn(7) == drawn(7)
    assert drawn(7) != drawn(8)
    assert drawn(7) != drawn(7, NODES[1])


def test_the_explanation_names_the_weight() -> None:
    assert drawn(1, capacity=20, weight=3).basis == "random, weight 60"


def clocked(timezone: str | None, offset: int | None, at: int = 0) -> Standings:
    node = candidate("berlin", timezone=timezone)
    client = Client("198.51.100.9", utc_offset_minutes=offset, at=UnixMillis(at))
    return standings((SelectionMethod.TIMEZONE_OFFSET,), [node], client)[node.node]


def test_a_clock_that_is_nearer_costs_less_and_the_explanation_shows_both() -> None:
    assert clocked("Europe/Berlin", BERLIN).costs[0] == 0
    assert clocked("Asia/Tokyo", BERLIN).costs[0] == 480
    assert clocked("Asia/Tokyo", -480).costs[0] == 420, "over the other side of the day"
    told = clocked("Asia/Kolkata", BERLIN).basis
    assert told == "270 minutes around the clock (+05:30, client +01:00)"


def test_a_node_that_keeps_summer_time_moves_by_itself() -> None:
    july = 196 * 86_400_000 + 10 * 365 * 86_400_000
    assert clocked("Europe/Berlin", BERLIN, july).costs[0] == 60


def test_a_node_without_a_timezone_comes_behind_those_with_one() -> None:
    assert clocked(None, BERLIN) == Standings((math.inf,), "no timezone")


def test_a_client_that_does_not_tell_its_offset_is_drawn_and_that_is_said() -> None:
    weighted = drawn(0)
    untold = clocked("Europe/Berlin", None)
    assert untold.costs[0] == weighted.costs[0]
    assert untold.basis == f"the client's UTC offset is unknown; {weighted.basis}"


def test_rendezvous_shares_clients_evenly_and_a_leaving_node_moves_only_its_own() -> None:
    clients = [f"198.51.100.{number}" for number in range(250)]
    before = {c: max(NODES, key=lambda node: rendezvous(c, node)) for c in clients}
    after = {c: max(NODES[:2], key=lambda node: rendezvous(c, node)) for c in clients}
    assert min(Counter(before.values()).values()) > 50
    assert all(after[c] == before[c] for c in clients if before[c] != NODES[2])


def test_names_that_run_together_are_not_mixed_up() -> None:
    assert rendezvous("ab", NodeId("c")) != rendezvous("a", NodeId("bc"))


def loaded(sessions: dict[str, int], chance: int, capacity: int = 100) -> list[NodeId]:
    """The nodes as `least_load` orders them."""
    nodes = [
        candidate(name, seen=seen(sessions=count), capacity=capacity)
        for name, count in sessions.items()
    ]
    found = standings((SelectionMethod.LEAST_LOAD,), nodes, Client("198.51.100.9", chance=chance))
    return sorted(found, key=lambda node: found[node].costs[0])


def test_of_two_that_are_drawn_the_less_full_is_taken() -> None:
    assert all(loaded({"berlin": 7, "denver": 6}, chance)[0] == "denver" for chance in range(50))


def test_the_fullest_of_three_is_never_first_and_the_emptiest_not_always() -> None:
    firsts = Counter(
        loaded({"berlin": 9, "denver": 5, "tokyo": 1}, chance)[0] for chance in range(500)
    )
    assert firsts[NodeId("berlin")] == 0
    assert 280 < firsts[NodeId("tokyo")] < 390, "two thirds of the pairs hold it"


def test_fullness_is_a_share_of_the_capacity() -> None:
    large = candidate("berlin", seen=seen(sessions=30), capacity=1_000)
    small = candidate("denver", seen=seen(sessions=20), capacity=40)
    found = standings((SelectionMethod.LEAST_LOAD,), [large, small], Client("198.51.100.9"))
    assert found[large.node].costs[0] < found[small.node].costs[0]
    assert found[large.node].basis == "30 of 1000 sessions; drawn for comparison"


def test_clients_one_after_the_other_fill_the_nodes_evenly() -> None:
    sessions = {f"node-{number:02}": 0 for number in range(20)}
    for chance in range(2_000):
        sessions[loaded(sessions, chance, capacity=1_000)[0]] += 1
    assert max(sessions.values()) / (sum(sessions.values()) / len(sessions)) <= 1.15


def test_a_node_without_weight_is_drawn_last_whatever_its_load() -> None:
    nodes = [candidate("berlin", weight=0), candidate("denver", seen=seen(sessions=9))]
    nodes.append(candidate("tokyo", seen=seen(sessions=8)))
    found = standings((SelectionMethod.LEAST_LOAD,), nodes, Client("198.51.100.9"))
    assert max(found, key=lambda node: found[node].costs[0]) == "berlin"
    assert found[NodeId("berlin")].basis == "0 of 1000 sessions; not drawn"


def kept(address: str, names: list[str], chance: int = 0) -> NodeId:
    """The node that `consistent` takes."""
    nodes = [candidate(name) for name in names]
    found = standings((SelectionMethod.CONSISTENT,), nodes, Client(address, chance=chance))
    return min(found, key=lambda node: found[node].costs[0])


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


def test_consistent_says_for_whom() -> None:
    node = candidate("berlin", capacity=20, weight=3)
    found = standings((SelectionMethod.CONSISTENT,), [node], Client("198.51.100.9"))
    assert found[node.node].basis == "always the same for 198.51.100.9, weight 60"
