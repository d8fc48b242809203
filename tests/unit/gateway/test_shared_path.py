"""A session's first path by the address that all relays share, sentence by sentence."""

import pytest

from services.gateway.core.session import (
    PLACE_AGAIN_AFTER_MS,
    Opening,
    closed,
    joined,
    needs_placement,
    opened,
    placed,
)
from services.gateway.core.shared_path import Found, given_up, named, shared_out
from shared.documents.node import Address
from shared.domain.errors import SessionEnded
from shared.domain.ids import NodeId, PathGeneration, SessionId, UnixMillis
from shared.domain.node import Side
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
    before = joined(opened(opening, NOW), HERE, NOW)
    return shared_out(before, placed(before, CHOICES, ("why",), NOW), SHARED, first)


def found(
    node: str = "oslo", address: Address = OSLO, side: Side = Side.CUSTOMER, generation: int = 3
) -> Found:
    return Found(side, PathGeneration(generation), NodeId(node), address)


def told(state: SessionState) -> list[tuple[str, str, int]]:
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
    assert told(named(handed_out(), found(), NOW)) == [
        ("oslo", "oslo.example.com", 3),
        ("berlin", "berlin.example.com", 1),
        ("denver", "denver.example.com", 2),
    ]


def test_the_node_that_was_found_is_no_alternate_to_itself() -> None:
    where = Address(host="denver.example.com", port=7000)
    assert told(named(handed_out(), found("denver", where), NOW)) == [
        ("denver", "denver.example.com", 3),
        ("berlin", "berlin.example.com", 1),
    ]


@pytest.mark.parametrize(
    "other", [found(side=Side.REPRESENTATIVE), found(generation=2), found(generation=4)]
)
def test_nobody_but_the_first_end_names_the_node_of_its_path(other: Found) -> None:
    assert named(handed_out(), other, NOW) == handed_out()


def test_the_first_word_stands() -> None:
    once = named(handed_out(), found(), NOW)
    assert named(once, found("lima", Address(host="lima.example.com", port=1)), NOW) == once


def test_a_session_that_is_over_has_no_more_paths() -> None:
    with pytest.raises(SessionEnded):
        named(closed(handed_out(), CloseReason.CLOSED_BY_USER, "over"), found(), NOW)
    over = closed(handed_out(), CloseReason.CLOSED_BY_USER, "over")
    assert given_up(over, NOW) == over


def test_without_the_shared_address_the_alternates_are_all_that_there_is() -> None:
    state = given_up(handed_out(), LATER)
    assert told(state) == [("berlin", "berlin.example.com", 1), ("denver", "denver.example.com", 2)]
    assert state.shared_path is None


def test_the_end_that_gives_up_second_gets_the_same_answer() -> None:
    state = given_up(handed_out(), LATER)
    assert given_up(state, LATER) == state
    assert not needs_placement(state, LATER, lost=True)


def test_a_name_that_comes_after_that_changes_nothing() -> None:
    state = given_up(handed_out(), LATER)
    assert named(state, found(), LATER) == state


def test_a_session_with_paths_has_nothing_to_give_up() -> None:
    state = named(handed_out(), found(), NOW)
    assert given_up(state, LATER) == state
