"""The rendezvous hash: how evenly it shares, who moves when a node leaves, and its two ways."""

from collections import Counter

from services.node_selector.core.eligibility import Candidate
from services.node_selector.core.pool import Pool
from services.node_selector.core.sampling import Shares, hash_text, rendezvous_order
from shared.domain.ids import Instant, NodeId
from tests.unit.node_selector.examples import candidate

WHOLE = Shares(0.0, 0.0)
NAMES = [f"node-{number}" for number in range(40)]
CLIENTS = [f"10.{number >> 8}.{number & 255}.7" for number in range(20_000)]


def _initial(node: Candidate) -> str:
    return node.node[0]


def order(pool: Pool, client: str, *skip: str) -> list[str]:
    left_out = frozenset(NodeId(each) for each in skip)
    return [each.node for each in rendezvous_order(pool, hash_text(client), WHOLE, left_out)]


def firsts(pool: Pool, clients: list[str]) -> dict[str, str]:
    return {
        each: next(rendezvous_order(pool, hash_text(each), WHOLE, frozenset())).node
        for each in clients
    }


def test_equal_nodes_share_as_evenly_as_chance_would() -> None:
    """Pearson's chi-squared: 39 is to be expected, and more than 80 once in ten thousand."""
    counts = Counter(firsts(Pool(map(candidate, NAMES)), CLIENTS).values())
    fair = len(CLIENTS) / len(NAMES)
    assert sum((counts[name] - fair) ** 2 / fair for name in NAMES) < 80


def test_second_choices_of_one_node_are_shared_by_all_others() -> None:
    pool = Pool(map(candidate, NAMES[:8]))
    seconds = Counter(
        second for first, second, *_ in (order(pool, each) for each in CLIENTS) if first == NAMES[0]
    )
    fair = sum(seconds.values()) / 7
    assert sum((seconds[name] - fair) ** 2 / fair for name in NAMES[1:8]) < 30


def test_a_node_that_leaves_or_is_passed_over_changes_nobody_else_s_order() -> None:
    whole, rest = Pool(map(candidate, NAMES[:9])), Pool(map(candidate, NAMES[1:9]))
    for client in CLIENTS[:200]:
        without = [name for name in order(whole, client) if name != NAMES[0]]
        assert order(rest, client) == without
        assert order(whole, client, NAMES[0]) == without


def test_the_order_does_not_hang_on_who_came_first() -> None:
    one, other = Pool(map(candidate, NAMES)), Pool(map(candidate, reversed(NAMES)))
    assert all(order(one, client) == order(other, client) for client in CLIENTS[:50])


def test_weights_that_become_alike_keep_the_order() -> None:
    """Nodes of one weight are compared by their hashes alone, which must mean the same."""
    even, growing = Pool(map(candidate, NAMES)), [candidate(each) for each in NAMES]
    for each in growing:
        each.back_at = Instant(0.0)
    weighted = Pool(growing)
    assert even.hash_inputs().is_even
    assert not weighted.hash_inputs().is_even
    assert all(order(even, client) == order(weighted, client) for client in CLIENTS[:50])


def test_a_pool_that_changed_is_hashed_anew() -> None:
    pool = Pool(map(candidate, NAMES[:3]))
    assert len(order(pool, "198.51.100.7")) == 3
    pool.add(candidate("light", weight=1, capacity=1))
    assert len(order(pool, "198.51.100.7")) == 4
    assert not pool.hash_inputs().is_even
    pool.discard(pool.members[NodeId("light")])
    assert "light" not in order(pool, "198.51.100.7")
    assert pool.hash_inputs().is_even


def test_parts_that_are_one_pool_follow_who_comes_and_goes() -> None:
    pool = Pool(map(candidate, ("a1", "a2", "b1", "c1")))
    by_initial = pool.joined(_initial, ("a", "b"))
    assert set(by_initial.members) == {"a1", "a2", "b1"}
    assert pool.joined(_initial, ("a", "b")) is by_initial
    pool.discard(pool.members[NodeId("a2")])
    pool.add(candidate("b2"))
    assert set(pool.joined(_initial, ("a", "b")).members) == {"a1", "b1", "b2"}
    assert set(pool.joined(_initial, ("c",)).members) == {"c1"}
