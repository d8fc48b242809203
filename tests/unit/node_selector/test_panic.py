"""When nearly every relay seems silent: who is believed, and who is not."""

import pytest

from services.node_selector.core.eligibility import Candidate
from services.node_selector.core.panic import NOT_BELIEVED
from services.node_selector.core.selection import place
from shared.domain.ids import NodeId
from shared.domain.liveness import Liveness
from tests.unit.node_selector.examples import candidate, field, master, question, status

CLIENT = question("203.0.113.9", count=4)
SILENT = [Liveness.SUSPECT, Liveness.DEAD]


def silent(*names: str, liveness: Liveness = Liveness.DEAD) -> list[Candidate]:
    return [candidate(name, status=status(liveness)) for name in names]


@pytest.mark.parametrize("liveness", SILENT)
def test_when_everybody_is_silent_the_last_word_of_each_counts_and_is_reported(
    liveness: Liveness,
) -> None:
    nodes = silent("berlin", "denver", liveness=liveness)
    placement = place(CLIENT, field([*nodes, master("alpha", status(liveness))], primary="alpha"))
    assert set(placement.chosen) == {"berlin", "denver"}
    assert not placement.fallback_to_primary
    ranked = [each for each in placement.verdicts if each.rank is not None]
    assert all(each.reason.startswith(f"{NOT_BELIEVED}; random") for each in ranked)


def test_a_master_that_is_heard_proves_that_the_silent_nodes_are_dead() -> None:
    nodes = silent("berlin", "denver", "tokyo")
    placement = place(CLIENT, field([*nodes, master("alpha")], primary="alpha"))
    assert placement.chosen == ("alpha",)
    assert placement.fallback_to_primary


def test_the_few_that_are_heard_come_before_the_silent() -> None:
    nodes = [*silent(*(f"n{number}" for number in range(9))), candidate("zurich")]
    placement = place(CLIENT, field(nodes))
    assert placement.chosen[0] == "zurich"
    assert len(placement.chosen) == CLIENT.count
    assert not placement.verdicts[0].reason.startswith(NOT_BELIEVED)


@pytest.mark.parametrize(("alive", "is_panic"), [(1, True), (2, False)])
def test_the_threshold_is_reached_at_nine_of_ten(alive: int, is_panic: bool) -> None:
    heard = [candidate(f"a{number}") for number in range(alive)]
    nodes = [*heard, *silent(*(f"s{number}" for number in range(10 - alive)))]
    placement = place(CLIENT, field(nodes))
    assert (len(placement.chosen) > alive) is is_panic


def test_a_threshold_of_nothing_always_believes() -> None:
    nodes = [*silent("berlin", "denver", "tokyo"), master("alpha", status(Liveness.DEAD))]
    placement = place(CLIENT, field(nodes, primary="alpha", panic=0))
    assert placement.chosen == ()
    assert "berlin (dead: silent for 2.0 s)" in placement.refused_because


def test_of_two_relays_nobody_can_know_who_is_deaf() -> None:
    placement = place(CLIENT, field(silent("berlin", "denver"), fallback=0))
    assert placement.chosen == ()


def test_what_a_node_reported_last_still_bars_it() -> None:
    full = candidate("full", status=status(Liveness.DEAD, sessions=3), capacity=3)
    draining = candidate("gone", status=status(Liveness.DEAD, draining=True))
    closed = candidate("closed", status=status(Liveness.DEAD), accepting_new_clients=False)
    placement = place(CLIENT, field([full, draining, closed, *silent("berlin")]))
    assert placement.chosen == ("berlin",)
    reasons = {each.node: each.reason for each in placement.verdicts}
    assert reasons[NodeId("full")] == "full: 3 of 3 sessions"
    assert reasons[NodeId("gone")] == "draining"


def test_nodes_that_never_spoke_are_not_guessed() -> None:
    nodes = [*silent("berlin", "denver", "tokyo"), candidate("new", status=None)]
    placement = place(CLIENT, field(nodes))
    assert "new" not in placement.chosen
