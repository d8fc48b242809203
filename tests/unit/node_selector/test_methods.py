import math
from collections import Counter

from services.node_selector.core.eligibility import Candidate
from services.node_selector.core.methods import Client, Standing, rendezvous, standing
from shared.documents.site import SelectionMethod
from shared.domain.ids import NodeId, UnixMillis
from tests.unit.node_selector.examples import ALIVE, candidate, document

NODES = [NodeId(name) for name in ("berlin", "denver", "tokyo")]
BERLIN = 60
"""Minutes; the clock of these tests stands at the first moment of 1970, a winter."""


def drawn(chance: int, node: NodeId = NODES[0], **fields: object) -> Standing:
    client = Client("198.51.100.9", chance=chance)
    drawn_from = Candidate(node, document(**fields), ALIVE)
    return standing(SelectionMethod.RANDOM, drawn_from, client)


def first(weights: dict[NodeId, int], chance: int) -> NodeId:
    return min(
        weights, key=lambda node: drawn(chance, node, capacity=100, weight=weights[node]).cost
    )


def test_random_shares_by_capacity_and_weight() -> None:
    weights: dict[NodeId, int] = dict(zip(NODES, (1, 2, 5), strict=True))
    shares = Counter(first(weights, chance) for chance in range(2_000))
    for node, weight in weights.items():
        assert abs(shares[node] / 2_000 - weight / 8) < 0.04


def test_capacity_counts_as_much_as_weight() -> None:
    assert drawn(1, capacity=600, weight=1) == drawn(1, capacity=100, weight=6)


def test_a_node_without_weight_comes_behind_everybody() -> None:
    assert drawn(1, weight=0).cost == math.inf
    assert drawn(1, capacity=1).cost < math.inf


def test_the_same_chance_gives_the_same_cost() -> None:
    assert drawn(7) == drawn(7)
    assert drawn(7) != drawn(8)
    assert drawn(7) != drawn(7, NODES[1])


def test_the_explanation_names_the_weight() -> None:
    assert drawn(1, capacity=20, weight=3).basis == "random, weight 60"


def clocked(timezone: str | None, offset: int | None, at: int = 0) -> Standing:
    node = candidate("berlin", timezone=timezone)
    client = Client("198.51.100.9", utc_offset_minutes=offset, at=UnixMillis(at))
    return standing(SelectionMethod.TIMEZONE_OFFSET, node, client)


def test_a_clock_that_is_nearer_costs_less_and_the_explanation_shows_both() -> None:
    assert clocked("Europe/Berlin", BERLIN).cost == 0
    assert clocked("Asia/Tokyo", BERLIN).cost == 480
    assert clocked("Asia/Tokyo", -480).cost == 420, "over the other side of the day"
    told = clocked("Asia/Kolkata", BERLIN).basis
    assert told == "270 minutes around the clock (+05:30, client +01:00)"


def test_a_node_that_keeps_summer_time_moves_by_itself() -> None:
    july = 196 * 86_400_000 + 10 * 365 * 86_400_000
    assert clocked("Europe/Berlin", BERLIN, july).cost == 60


def test_a_node_without_a_timezone_comes_behind_those_with_one() -> None:
    assert clocked(None, BERLIN) == Standing(math.inf, "no timezone")


def test_a_client_that_does_not_tell_its_offset_is_drawn_and_that_is_said() -> None:
    weighted = drawn(0)
    untold = clocked("Europe/Berlin", None)
    assert untold.cost == weighted.cost
    assert untold.basis == f"the client's UTC offset is unknown; {weighted.basis}"


def test_rendezvous_shares_clients_evenly_and_a_leaving_node_moves_only_its_own() -> None:
    clients = [f"198.51.100.{number}" for number in range(250)]
    before = {c: max(NODES, key=lambda node: rendezvous(c, node)) for c in clients}
    after = {c: max(NODES[:2], key=lambda node: rendezvous(c, node)) for c in clients}
    assert min(Counter(before.values()).values()) > 50
    assert all(after[c] == before[c] for c in clients if before[c] != NODES[2])


def test_names_that_run_together_are_not_mixed_up() -> None:
    assert rendezvous("ab", NodeId("c")) != rendezvous("a", NodeId("bc"))
