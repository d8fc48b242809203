"""What a node selector is asked of a session, and what the session keeps of the answer."""

import pytest

from services.gateway.sessions.core.question import (
    EXPLAINED_NODES,
    build_question,
    summarise_reasons,
    with_current_ages,
)
from services.gateway.sessions.core.session import Opening, add_paths, join_customer, open_session
from shared.documents.selection import SelectionMethod
from shared.domain.ids import NodeId, Revision, SessionId, UnixMillis
from shared.domain.node import Side
from shared.domain.placement import Choice, NodeVerdict
from shared.events.selection import ClientFacts, NodesSelected
from shared.events.session import Joined, Queued, SessionState

OPENED, JOINED, END = UnixMillis(1_000_000), UnixMillis(1_060_000), UnixMillis(90_000_000)
BERLIN, DENVER = NodeId("berlin"), NodeId("denver")
RITA = ClientFacts(
    address="192.0.2.1",
    side=Side.REPRESENTATIVE,
    latencies_ms={BERLIN: 12.0},
    latency_ages_seconds={BERLIN: 30.0},
)
CARL = ClientFacts(address="192.0.2.2", latencies_ms={DENVER: 9.0}, last_node=DENVER)


def both(pin: NodeId | None = None) -> SessionState:
    opening = Opening(SessionId("1"), "rita", RITA, END, pin)
    return join_customer(open_session(opening, OPENED), CARL, JOINED)


def test_both_ends_are_asked_for_with_measurements_as_old_as_they_are() -> None:
    question = build_question(both(), JOINED)
    assert question.client.address == "192.0.2.2"
    assert question.client.latency_ages_seconds == {DENVER: 0.0}
    assert question.other is not None
    assert question.other.address == "192.0.2.1"
    assert question.other.latency_ages_seconds == {BERLIN: 90.0}


def test_a_session_goes_by_its_customer_s_node_of_the_time_before() -> None:
    assert build_question(both(), JOINED).current == DENVER


def test_a_placed_session_goes_by_its_own_node_and_avoids_what_it_has() -> None:
    choice = Choice(node=BERLIN, host="192.0.2.10", port=7443)
    question = build_question(add_paths(both(), (choice,), (), JOINED), JOINED)
    assert (question.current, question.avoid) == (BERLIN, (BERLIN,))


def test_a_pin_is_asked_for() -> None:
    assert build_question(both(pin=BERLIN), JOINED).pin == BERLIN
    assert build_question(both(), JOINED).pin is None


def test_a_session_from_a_queue_is_asked_for_with_its_team_and_public_site() -> None:
    queued = Queued(
        team="desk", public_site="help", selection_method=SelectionMethod.TIMEZONE_OFFSET
    )
    question = build_question(both().model_copy(update={"queued": queued}), JOINED)
    assert (question.team, question.public_site) == ("desk", "help")
    assert question.methods == (SelectionMethod.TIMEZONE_OFFSET,)


@pytest.mark.parametrize("back", [0, 5_000])
def test_a_clock_that_was_set_back_makes_nothing_younger(back: int) -> None:
    end = Joined(facts=RITA, at_unix_ms=OPENED)
    assert with_current_ages(end, UnixMillis(OPENED - back)).latency_ages_seconds == {BERLIN: 30.0}


def test_the_ages_of_nodes_that_were_not_measured_are_dropped() -> None:
    facts = RITA.model_copy(update={"latencies_ms": {}})
    assert (
        with_current_ages(Joined(facts=facts, at_unix_ms=OPENED), JOINED).latency_ages_seconds == {}
    )


def answer(nodes: int, notes: tuple[str, ...] = ()) -> NodesSelected:
    return NodesSelected(
        choices=(),
        method="latency",
        explanation=tuple(
            NodeVerdict(node=NodeId(f"n{number}"), rank=number + 1, reason="near")
            for number in range(nodes)
        ),
        revision=Revision(1),
        notes=notes,
    )


def test_notes_come_before_the_nodes() -> None:
    assert summarise_reasons(answer(1, ("nothing was measured",))) == (
        "nothing was measured",
        "n0: near",
    )


def test_a_session_does_not_keep_the_reasons_of_a_thousand_nodes() -> None:
    kept = summarise_reasons(answer(1_000))
    assert len(kept) == EXPLAINED_NODES + 1
    assert kept[-1] == "and 976 more nodes"
