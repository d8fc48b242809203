import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.node_selector.core.eligibility import Candidate, refusal_reason
from services.node_selector.core.panic import apply_panic
from services.node_selector.core.selection import place, require_node
from shared.documents.selection import SelectionMethod
from shared.domain.errors import NoTrafficNode
from shared.domain.ids import NodeId
from shared.domain.liveness import Liveness
from tests.unit.node_selector.examples import VERSION, candidate, field, master, question, status

BERLIN, DENVER, TOKYO = NodeId("berlin"), NodeId("denver"), NodeId("tokyo")


@st.composite
def candidates_of_any_kind(draw: st.DrawFn) -> Candidate:
    networks = st.sampled_from(["198.51.100.0/24", "198.51.100.0/25", "0.0.0.0/0", "::/0"])
    live = draw(st.sampled_from([None, *Liveness]))
    sessions, draining = draw(st.integers(0, 4)), draw(st.booleans())
    return candidate(
        draw(st.text("abc", min_size=1, max_size=4)),
        *draw(st.lists(networks, unique=True)),
        status=status(live, sessions=sessions, draining=draining) if live else None,
        accepting_new_clients=draw(st.booleans()),
        capacity=3,
        weight=draw(st.integers(0, 3)),
    )


FIELDS = st.lists(candidates_of_any_kind(), max_size=8, unique_by=lambda each: each.node)
CHANCES = st.integers(0, 2**64 - 1)
METHODS = st.sampled_from(SelectionMethod)
DRAWN = {SelectionMethod.RANDOM, SelectionMethod.LEAST_LOAD}
STABLE = METHODS.filter(lambda method: method not in DRAWN)
"""When a node has left, chance falls on others; a client's hash does not."""


@given(FIELDS, CHANCES, st.integers(1, 4), METHODS)
def test_nobody_who_may_not_take_a_client_is_ever_chosen(
    candidates: list[Candidate], chance: int, count: int, method: SelectionMethod
) -> None:
    placement = place(question(chance=chance, count=count), field(candidates, method=method))
    able = {
        each.node for each in apply_panic(candidates, 90) if refusal_reason(each, VERSION) is None
    }
    assert set(placement.chosen) <= able
    assert len(placement.chosen) == min(count, len(able))


@given(FIELDS, CHANCES, METHODS)
def test_every_node_has_a_rank_or_a_reason_and_ranks_have_no_gap(
    candidates: list[Candidate], chance: int, method: SelectionMethod
) -> None:
    placement = place(question(chance=chance), field(candidates, method=method))
    assert sorted(v.node for v in placement.verdicts) == sorted(c.node for c in candidates)
    assert all(verdict.reason for verdict in placement.verdicts)
    ranks = [verdict.rank for verdict in placement.verdicts if verdict.rank is not None]
    assert ranks == list(range(1, len(ranks) + 1))


@given(FIELDS, CHANCES, METHODS)
def test_the_order_is_total_and_does_not_depend_on_the_order_of_the_directory(
    candidates: list[Candidate], chance: int, method: SelectionMethod
) -> None:
    reordered = sorted(candidates, key=lambda each: each.node)
    asked = question(chance=chance, count=9)
    one, other = field(candidates, method=method), field(reordered, method=method)
    assert place(asked, one).chosen == place(asked, other).chosen


@given(FIELDS, CHANCES, STABLE)
def test_a_node_that_becomes_unable_leaves_the_others_in_their_order(
    candidates: list[Candidate], chance: int, method: SelectionMethod
) -> None:
    asked = question(chance=chance, count=9)
    before = place(asked, field(candidates, method=method, panic=0)).chosen
    if before:
        rest = [each for each in candidates if each.node != before[0]]
        assert place(asked, field(rest, method=method, panic=0)).chosen == before[1:]


@given(CHANCES)
def test_the_longest_prefix_wins_over_the_method_and_the_next_are_alternates(chance: int) -> None:
    placement = place(
        question(chance=chance),
        field(
            [
                candidate("berlin", "198.51.100.0/24"),
                candidate("denver", weight=1_000),
                candidate("tokyo", "198.51.100.0/28", "0.0.0.0/0"),
            ]
        ),
    )
    assert placement.chosen == (TOKYO, BERLIN, DENVER)
    assert placement.verdicts[0].reason == "network 198.51.100.0/28; random, weight 1000"


def test_a_node_of_the_client_s_network_that_is_dead_is_passed_over() -> None:
    nodes = [
        candidate("berlin", "198.51.100.0/24", status=status(Liveness.DEAD)),
        candidate("denver"),
    ]
    assert place(question(), field(nodes)).chosen == (DENVER,)


def test_the_method_decides_among_nodes_of_the_same_network() -> None:
    nodes = [candidate(name, "198.51.100.0/24") for name in ("berlin", "denver")]
    firsts = {place(question(chance=chance), field(nodes)).chosen[0] for chance in range(64)}
    assert firsts == {BERLIN, DENVER}


def test_a_client_without_a_readable_address_is_placed_by_the_method() -> None:
    nodes = [candidate("berlin", "0.0.0.0/0"), candidate("denver")]
    firsts = {place(question("?", chance=chance), field(nodes)).chosen[0] for chance in range(64)}
    assert firsts == {BERLIN, DENVER}


def test_nodes_to_be_avoided_come_last_but_do_come() -> None:
    nodes = [candidate("berlin", "198.51.100.0/24"), candidate("denver")]
    placement = place(question(avoid=frozenset({BERLIN})), field(nodes))
    assert placement.chosen == (DENVER, BERLIN)
    assert placement.verdicts[1].reason.startswith("to be avoided; network")


def test_the_primary_stands_in_when_no_traffic_node_can() -> None:
    nodes = [candidate("berlin", status=status(Liveness.DEAD)), master("alpha"), master("bravo")]
    placement = place(question(), field(nodes, primary="bravo"))
    assert placement.chosen == (NodeId("bravo"),)
    assert placement.fallback_to_primary
    assert placement.method == "fallback"
    assert placement.verdicts[0].reason == "fallback to the primary, for at most 10 sessions"
    assert [verdict.node for verdict in placement.verdicts] == ["bravo", "alpha", "berlin"]


def test_the_primary_does_not_stand_in_while_a_traffic_node_is_able() -> None:
    placement = place(question(), field([candidate("berlin"), master("alpha")], primary="alpha"))
    assert placement.chosen == (BERLIN,)
    assert not placement.fallback_to_primary


@pytest.mark.parametrize(
    ("alpha", "primary", "limit", "reason"),
    [
        (master("alpha"), None, 10, "no primary is known for the fallback"),
        (master("alpha"), "alpha", 0, "the site allows no fallback to the primary"),
        (
            master("alpha", status(sessions=2)),
            "alpha",
            2,
            "the primary alpha cannot stand in (full: 2 of 2 sessions)",
        ),
        (
            master("alpha", None),
            "alpha",
            2,
            "the primary alpha cannot stand in (no heartbeat yet)",
        ),
    ],
)
def test_without_a_fallback_the_reason_and_a_retry_time_are_given(
    alpha: Candidate, primary: str | None, limit: int, reason: str
) -> None:
    nodes = [candidate("berlin", status=status(draining=True)), alpha]
    placement = place(question(), field(nodes, primary=primary, fallback=limit))
    with pytest.raises(NoTrafficNode) as caught:
        require_node(placement)
    assert caught.value.message == f"no node takes new clients now: berlin (draining); {reason}"
    assert caught.value.attributes == {"retry_after_seconds": 2}


def test_a_refusal_names_a_few_nodes_and_counts_the_others() -> None:
    nodes = [candidate(f"n{number}", status=status(draining=True)) for number in range(1_000)]
    placement = place(question(), field(nodes, primary="alpha", fallback=0))
    assert placement.refused_because.startswith("n0 (draining), n1 (draining), ")
    assert "n101 (draining), and 995 more; " in placement.refused_because
    assert len(placement.verdicts) == len(nodes)


def test_a_site_without_traffic_nodes_says_so() -> None:
    placement = place(question(), field([master("alpha")], primary="alpha", fallback=0))
    assert placement.refused_because.startswith("the site has no traffic node; ")


def test_before_the_first_heartbeat_nothing_is_guessed() -> None:
    nodes = [candidate("berlin", status=None), master("alpha", None)]
    placement = place(question(), field(nodes, primary="alpha", nothing_heard=True))
    assert placement.chosen == ()
    assert placement.refused_because == "no live state yet"
    with pytest.raises(NoTrafficNode, match="no live state yet"):
        require_node(placement)


def test_a_placement_with_a_node_passes() -> None:
    require_node(place(question(), field([candidate("berlin")])))
