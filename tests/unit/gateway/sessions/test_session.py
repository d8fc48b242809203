import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.gateway.sessions.core.session import (
    PATHS_KEPT,
    PLACE_AGAIN_AFTER_MS,
    Opening,
    SessionStep,
    add_paths,
    close_session,
    join_customer,
    needs_placement,
    next_phase,
    open_session,
)
from shared.domain.errors import SessionEnded
from shared.domain.ids import NodeId, SessionId, UnixMillis
from shared.domain.node import Side
from shared.domain.placement import Choice
from shared.domain.session import CloseReason, SessionPhase
from shared.events.selection import ClientFacts
from shared.events.session import SessionState

NOW = UnixMillis(1_000_000)
HOUR = UnixMillis(3_600_000)
HERE = ClientFacts(address="192.0.2.1", side=Side.CUSTOMER)
CHOICES = tuple(
    Choice(node=NodeId(name), host="127.0.0.1", port=port)
    for name, port in (("berlin", 1), ("denver", 2), ("tokyo", 3))
)


def new_session() -> SessionState:
    opening = Opening(SessionId("4821739"), "rita", HERE, UnixMillis(NOW + HOUR))
    return open_session(opening, NOW)


def active_session() -> SessionState:
    return add_paths(join_customer(new_session(), HERE, NOW), CHOICES, ("why",), NOW)


def later(milliseconds: int) -> UnixMillis:
    return UnixMillis(NOW + milliseconds)


def test_a_new_session_waits_for_its_customer() -> None:
    state = new_session()

    assert state.phase is SessionPhase.WAITING
    assert set(state.ends) == {Side.REPRESENTATIVE}
    assert not needs_placement(state, NOW, lost=False)


def test_the_second_end_makes_a_session_active_and_in_need_of_paths() -> None:
    state = join_customer(new_session(), HERE, NOW)

    assert state.phase is SessionPhase.ACTIVE
    assert needs_placement(state, NOW, lost=False)


def test_paths_keep_the_order_of_the_choice() -> None:
    state = active_session()

    assert [path.node for path in state.paths] == ["berlin", "denver", "tokyo"]
    assert [path.generation for path in state.paths] == [1, 2, 3]
    assert not needs_placement(state, NOW, lost=False)


def test_a_customer_who_comes_again_gets_the_same_paths() -> None:
    state = active_session()

    again = join_customer(state, HERE, later(5))

    assert again.paths == state.paths
    assert not needs_placement(again, later(5), lost=False)


def test_the_second_end_that_lost_its_paths_gets_the_answer_of_the_first() -> None:
    state = active_session()

    assert not needs_placement(state, later(PLACE_AGAIN_AFTER_MS - 1), lost=True)
    assert needs_placement(state, later(PLACE_AGAIN_AFTER_MS), lost=True)


def test_new_paths_are_added_and_old_ones_stay() -> None:
    state = active_session()

    after = add_paths(state, CHOICES[:1], (), later(9_000))

    assert after.paths[:3] == state.paths
    assert after.paths[3].generation == 4


def test_a_session_does_not_gather_paths_without_end() -> None:
    state = active_session()
    for step in range(PATHS_KEPT):
        moment = later((step + 1) * PLACE_AGAIN_AFTER_MS)
        if needs_placement(state, moment, lost=True):
            state = add_paths(state, CHOICES, (), moment)

    assert PATHS_KEPT <= len(state.paths) < PATHS_KEPT + len(CHOICES)


@given(st.lists(st.integers(min_value=0, max_value=3), max_size=20))
def test_no_two_paths_of_a_session_share_a_generation(counts: list[int]) -> None:
    state = join_customer(new_session(), HERE, NOW)

    for count in counts:
        state = add_paths(state, CHOICES[:count], (), NOW)

    generations = [path.generation for path in state.paths]
    assert len(generations) == len(set(generations))
    assert generations == sorted(generations)


def test_nobody_joins_a_closed_session() -> None:
    state = close_session(active_session(), CloseReason.CLOSED_BY_USER, "closed by rita")

    with pytest.raises(SessionEnded, match="closed by rita"):
        join_customer(state, HERE, NOW)


def test_nobody_joins_an_expired_session() -> None:
    with pytest.raises(SessionEnded, match="expired"):
        join_customer(new_session(), HERE, later(HOUR))


def test_closing_twice_keeps_the_first_reason() -> None:
    state = close_session(active_session(), CloseReason.CLOSED_BY_USER, "first")

    assert close_session(state, CloseReason.CLOSED_BY_USER, "second") is state
    assert state.close_message == "first"


@pytest.mark.parametrize("step", list(SessionStep))
@pytest.mark.parametrize("phase", list(SessionPhase))
def test_only_a_close_is_possible_after_the_end_and_a_session_waits_again_without_an_end(
    phase: SessionPhase, step: SessionStep
) -> None:
    state = new_session().model_copy(update={"phase": phase})
    if phase is SessionPhase.CLOSED and step is not SessionStep.CLOSE:
        with pytest.raises(SessionEnded):
            next_phase(state, step, NOW)
        return
    becomes = {
        SessionStep.CLOSE: SessionPhase.CLOSED,
        SessionStep.VACATE: SessionPhase.WAITING,
        **dict.fromkeys(
            (SessionStep.ACCEPT, SessionStep.JOIN, SessionStep.RETURN), SessionPhase.ACTIVE
        ),
    }
    assert next_phase(state, step, NOW) is becomes.get(step, phase)


@pytest.mark.parametrize("step", list(SessionStep))
def test_an_expired_session_can_only_be_closed(step: SessionStep) -> None:
    expired = UnixMillis(NOW + HOUR)
    if step is SessionStep.CLOSE:
        assert next_phase(new_session(), step, expired) is SessionPhase.CLOSED
        return
    with pytest.raises(SessionEnded, match="has expired"):
        next_phase(new_session(), step, expired)
