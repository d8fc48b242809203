"""A session's first path by the address that all relays share, sentence by sentence."""

import pytest

from services.gateway.sessions.core.session import (
    PLACE_AGAIN_AFTER_MS,
    Opening,
    add_paths,
    close_session,
    join_customer,
    needs_placement,
    open_session,
)
from services.gateway.sessions.core.shared_path import (
    ReachedNode,
    reached_node,
    with_named_node,
    with_shared_path,
    without_shared_path,
)
from shared.documents.node import Address, NodeDocument
from shared.domain.errors import NotFound, SessionEnded
from shared.domain.ids import NodeId, PathGeneration, SessionId, UnixMillis
from shared.domain.node import NodeRole, Side
from shared.domain.placement import Choice, SharedAddress
from shared.domain.session import CloseReason
from shared.events.selection import ClientFacts
from shared.events.session import SessionState

NOW = UnixMillis(1_000_000)
LATER = UnixMillis(NOW + PLACE_AGAIN_AFTER_MS)
HERE = ClientFacts(address="192.0.2.1")
SHARED = SharedAddress(host="192.0.2.99", port=443)
CHOICES = tuple(
    Choice(node=NodeId(name), host=f"{name}.example.com", port=7000)
    for name in ("berlin", "denver")
)
OSLO = Address(host="oslo.example.com", port=7001)


def handed_out(first: Side = Side.CUSTOMER) -> SessionState:
    opening = Opening(SessionId("4821739"), "rita", HERE, UnixMillis(NOW + 3_600_000))
    before = join_customer(open_session(opening, NOW), HERE, NOW)
    return with_shared_path(before, add_paths(before, CHOICES, ("why",), NOW), SHARED, first)


def found(
    node: str = "oslo", address: Address = OSLO, side: Side = Side.CUSTOMER, generation: int = 3
) -> ReachedNode:
    return ReachedNode(side, PathGeneration(generation), NodeId(node), address)


def offers(state: SessionState) -> list[tuple[str, str, int]]:
    return [(path.node, path.host, path.generation) for path in state.paths]


def test_the_shared_address_is_handed_out_for_the_first_end_with_a_number_of_its_own() -> None:
    state = handed_out()
    assert state.shared_path is not None
    assert (state.shared_path.host, state.shared_path.port) == ("192.0.2.99", 443)
    assert (state.shared_path.first, state.shared_path.generation) == (Side.CUSTOMER, 3)
    assert state.next_generation == 4


def test_alternates_are_held_back_and_nothing_is_placed_meanwhile() -> None:
    state = handed_out()
    assert state.paths == ()
    assert not needs_placement(state, LATER, lost=False)
    assert not needs_placement(state, LATER, lost=True)


def test_the_list_is_completed_when_wait_has_named_the_node() -> None:
    assert offers(with_named_node(handed_out(), found(), NOW)) == [
        ("oslo", "oslo.example.com", 3),
        ("berlin", "berlin.example.com", 1),
        ("denver", "denver.example.com", 2),
    ]


def test_the_node_that_was_found_is_no_alternate_to_itself() -> None:
    where = Address(host="denver.example.com", port=7000)
    assert offers(with_named_node(handed_out(), found("denver", where), NOW)) == [
        ("denver", "denver.example.com", 3),
        ("berlin", "berlin.example.com", 1),
    ]


@pytest.mark.parametrize(
    "other", [found(side=Side.REPRESENTATIVE), found(generation=2), found(generation=4)]
)
def test_nobody_but_the_first_end_names_the_node_of_its_path(other: ReachedNode) -> None:
    assert with_named_node(handed_out(), other, NOW) == handed_out()


def test_the_first_word_stands() -> None:
    once = with_named_node(handed_out(), found(), NOW)
    assert (
        with_named_node(once, found("lima", Address(host="lima.example.com", port=1)), NOW) == once
    )


def test_a_session_that_is_over_has_no_more_paths() -> None:
    with pytest.raises(SessionEnded):
        with_named_node(
            close_session(handed_out(), CloseReason.CLOSED_BY_USER, "over"), found(), NOW
        )
    over = close_session(handed_out(), CloseReason.CLOSED_BY_USER, "over")
    assert without_shared_path(over, NOW) == over


def test_without_the_shared_address_the_alternates_are_all_that_there_is() -> None:
    state = without_shared_path(handed_out(), LATER)
    assert offers(state) == [
        ("berlin", "berlin.example.com", 1),
        ("denver", "denver.example.com", 2),
    ]
    assert state.shared_path is None


def test_the_end_that_gives_up_second_gets_the_same_answer() -> None:
    state = without_shared_path(handed_out(), LATER)
    assert without_shared_path(state, LATER) == state
    assert not needs_placement(state, LATER, lost=True)


def test_a_name_that_comes_after_that_changes_nothing() -> None:
    state = without_shared_path(handed_out(), LATER)
    assert with_named_node(state, found(), LATER) == state


def test_a_session_with_paths_has_nothing_to_give_up() -> None:
    state = with_named_node(handed_out(), found(), NOW)
    assert without_shared_path(state, LATER) == state


def test_the_address_of_a_reached_node_comes_from_the_sites_documents() -> None:
    nodes = {NodeId("oslo"): NodeDocument(role=NodeRole.TRAFFIC, public_address=OSLO)}
    assert reached_node(nodes, Side.CUSTOMER, PathGeneration(3), NodeId("oslo")) == found()


@pytest.mark.parametrize("node", ["lima", "hidden"])
def test_a_node_that_nobody_could_reach_is_refused(node: str) -> None:
    nodes = {NodeId("hidden"): NodeDocument(role=NodeRole.TRAFFIC)}
    with pytest.raises(NotFound):
        reached_node(nodes, Side.CUSTOMER, PathGeneration(3), NodeId(node))
