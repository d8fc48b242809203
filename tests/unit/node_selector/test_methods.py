import math
from collections import Counter

from services.node_selector.core.methods import basis, cost, rendezvous
from shared.documents.site import SelectionMethod
from shared.domain.ids import NodeId
from tests.unit.node_selector.examples import document

RANDOM = SelectionMethod.RANDOM
NODES = [NodeId(name) for name in ("berlin", "denver", "tokyo")]


def first(weights: dict[NodeId, int], chance: int) -> NodeId:
    return min(
        weights,
        key=lambda node: cost(RANDOM, node, document(capacity=100, weight=weights[node]), chance),
    )


def test_random_shares_by_capacity_and_weight() -> None:
    weights: dict[NodeId, int] = dict(zip(NODES, (1, 2, 5), strict=True))
    shares = Counter(first(weights, chance) for chance in range(2_000))
    for node, weight in weights.items():
        assert abs(shares[node] / 2_000 - weight / 8) < 0.04


def test_capacity_counts_as_much_as_weight() -> None:
    large = cost(RANDOM, NODES[0], document(capacity=600, weight=1), 1)
    assert large == cost(RANDOM, NODES[0], document(capacity=100, weight=6), 1)


def test_a_node_without_weight_comes_behind_everybody() -> None:
    assert cost(RANDOM, NODES[0], document(weight=0), 1) == math.inf
    assert cost(RANDOM, NODES[0], document(capacity=1), 1) < math.inf


def test_the_same_chance_gives_the_same_cost() -> None:
    assert cost(RANDOM, NODES[0], document(), 7) == cost(RANDOM, NODES[0], document(), 7)
    assert cost(RANDOM, NODES[0], document(), 7) != cost(RANDOM, NODES[0], document(), 8)
    assert cost(RANDOM, NODES[0], document(), 7) != cost(RANDOM, NODES[1], document(), 7)


def test_the_explanation_names_the_weight() -> None:
    assert basis(RANDOM, document(capacity=20, weight=3)) == "random, weight 60"


def test_rendezvous_shares_clients_evenly_and_a_leaving_node_moves_only_its_own() -> None:
    clients = [f"198.51.100.{number}" for number in range(250)]
    before = {c: max(NODES, key=lambda node: rendezvous(c, node)) for c in clients}
    after = {c: max(NODES[:2], key=lambda node: rendezvous(c, node)) for c in clients}
    assert min(Counter(before.values()).values()) > 50
    assert all(after[c] == before[c] for c in clients if before[c] != NODES[2])


def test_names_that_run_together_are_not_mixed_up() -> None:
    assert rendezvous("ab", NodeId("c")) != rendezvous("a", NodeId("bc"))
