"""Which program holds a side of a session, and when its ends count as gone: the rules alone."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.gateway.sessions.core.attachment import (
    AWAY_MS,
    RESERVED_MS,
    Circumstances,
    Program,
    attach,
    connected_sides,
    detach,
    is_carried,
    reaped,
    require_unheld,
    say_goodbye,
    without_orphans,
)
from services.gateway.sessions.core.session import (
    Arrival,
    Opening,
    Representative,
    accept_customer,
    close_session,
    join_customer,
    open_session,
    queue_session,
)
from shared.domain.errors import AlreadyConnected, Reserved
from shared.domain.ids import NodeId, PathGeneration, SessionId, UnixMillis
from shared.domain.node import Side
from shared.domain.session import CloseReason, SessionPhase
from shared.events.selection import ClientFacts
from shared.events.session import PathReported, Queued, SessionState

NOW = UnixMillis(1_000_000)
DAY, WAITING_MS = 86_400_000, 3_600_000
SESSION = SessionId("4821739")
HERE = ClientFacts(address="192.0.2.1", side=Side.CUSTOMER)
ALPHA, BETA = NodeId("alpha"), NodeId("beta")
CUSTOMER, REPRESENTATIVE = Side.CUSTOMER, Side.REPRESENTATIVE
SHARE, OTHER_SHARE = (Program(CUSTOMER, each * 32, ALPHA) for each in "ab")
CONNECT, OTHER_CONNECT = (Program(REPRESENTATIVE, each * 32, ALPHA) for each in "cd")
ELSEWHERE = Program(CUSTOMER, SHARE.endpoint, BETA)


def later(milliseconds: int) -> UnixMillis:
    return UnixMillis(NOW + milliseconds)


def opened() -> SessionState:
    return open_session(Opening(SESSION, "rita", HERE, later(DAY)), NOW)


def running() -> SessionState:
    """Both ends have come, and are connected."""
    state = join_customer(opened(), HERE, NOW)
    return attach(attach(state, CONNECT, NOW), SHARE, NOW)


def queued() -> SessionState:
    arrival = Arrival(SESSION, Queued(team="desk", public_site="help"), HERE, later(DAY))
    return attach(queue_session(arrival, NOW), SHARE, NOW)


def reap(state: SessionState, after_ms: int, *, carried: bool = False) -> SessionState:
    return reaped(state, Circumstances(later(after_ms), NOW, WAITING_MS), is_carried=carried)


@pytest.mark.parametrize("other", [OTHER_SHARE, OTHER_CONNECT])
def test_a_second_program_is_refused_in_words_while_the_first_is_connected(
    other: Program,
) -> None:
    with pytest.raises(AlreadyConnected, match=f"the {other.side} of session 4821739 is already"):
        attach(running(), other, later(DAY // 2))


def test_a_second_customer_cannot_join_while_the_first_is_connected() -> None:
    with pytest.raises(AlreadyConnected):
        require_unheld(running(), CUSTOMER)
    require_unheld(detach(running(), SHARE, NOW), CUSTOMER)


def test_the_same_program_comes_again_by_another_gateway_while_the_first_channel_is_open() -> None:
    state = attach(running(), ELSEWHERE, later(5))
    assert state.attached[CUSTOMER].gateway == BETA
    assert detach(state, SHARE, later(6)) is state, "the old channel's end says nothing"
    assert connected_sides(state) == set(Side)


def test_a_lost_program_has_a_moment_to_come_back_before_another_gets_its_place() -> None:
    lost = detach(running(), SHARE, later(100))
    with pytest.raises(Reserved, match="waits up to 10 s"):
        attach(lost, OTHER_SHARE, later(100 + RESERVED_MS - 1))
    assert attach(lost, SHARE, later(101)).attached[CUSTOMER].left_unix_ms is None
    after = attach(lost, OTHER_SHARE, later(100 + RESERVED_MS))
    assert after.attached[CUSTOMER].endpoint == OTHER_SHARE.endpoint


def test_a_program_that_says_goodbye_leaves_its_side_free_at_once() -> None:
    state = say_goodbye(running(), CONNECT, "no relay", later(5))
    assert attach(state, OTHER_CONNECT, later(5)).attached[REPRESENTATIVE].since_unix_ms == later(5)


def test_a_customer_who_came_with_a_wrong_key_does_not_count_as_active() -> None:
    state = say_goodbye(running(), SHARE, "other words", later(5))
    assert state.phase is SessionPhase.WAITING
    assert set(state.ends) == {REPRESENTATIVE}
    again = attach(join_customer(state, HERE, later(9)), OTHER_SHARE, later(9))
    assert again.phase is SessionPhase.ACTIVE


def test_only_the_program_that_holds_a_side_says_goodbye_for_it() -> None:
    assert say_goodbye(running(), OTHER_SHARE, "not me", NOW) == running()


def test_a_customer_of_a_queue_who_leaves_closes_the_session() -> None:
    state = say_goodbye(queued(), SHARE, "no relay can be reached", NOW)
    assert state.phase is SessionPhase.CLOSED
    assert state.close_message == "no relay can be reached"


def test_sessions_whose_ends_are_both_dead_wait_after_a_moment_and_end_in_time() -> None:
    dead = detach(detach(running(), SHARE, NOW), CONNECT, NOW)
    assert reap(dead, AWAY_MS - 1) is dead
    vacant = reap(dead, AWAY_MS)
    assert vacant.phase is SessionPhase.WAITING
    assert reap(vacant, WAITING_MS - 1) is vacant
    closed = reap(vacant, WAITING_MS)
    assert (closed.close_reason, closed.close_message) == (
        CloseReason.EXPIRED,
        "both ends were gone for 60 min",
    )


def test_ends_that_joined_and_never_connected_are_gone_too() -> None:
    joined = join_customer(opened(), HERE, later(1_000))
    assert reap(joined, AWAY_MS).phase is SessionPhase.WAITING
    assert reap(joined, 1_000 + WAITING_MS).phase is SessionPhase.CLOSED


def test_a_session_of_one_lost_end_waits_and_is_active_again_when_it_returns() -> None:
    state = detach(running(), SHARE, NOW)
    vacant = reap(state, AWAY_MS)
    assert vacant.phase is SessionPhase.WAITING
    assert reap(vacant, DAY - 1) is vacant, "the end that stayed may wait for it"
    assert attach(vacant, SHARE, later(AWAY_MS)).phase is SessionPhase.ACTIVE


def test_a_session_that_a_relay_carries_needs_no_control_channel() -> None:
    apart = detach(detach(running(), SHARE, NOW), CONNECT, NOW)
    assert reap(apart, DAY - 1, carried=True) is apart
    assert reap(apart, DAY, carried=True).close_message == "its time is over"


def test_an_outage_of_every_gateway_does_not_count_as_absence() -> None:
    apart = detach(detach(running(), SHARE, NOW), CONNECT, NOW)
    back = later(2 * WAITING_MS)
    here = Circumstances(UnixMillis(back + AWAY_MS - 1), back, WAITING_MS)
    assert reaped(apart, here, is_carried=False) is apart


@pytest.mark.parametrize(
    ("state", "after_ms", "message"),
    [
        (opened(), WAITING_MS - 1, ""),
        (opened(), WAITING_MS, "nobody came within 60 min"),
        (queued(), WAITING_MS, "nobody came within 60 min"),
        (attach(opened(), CONNECT, NOW), WAITING_MS, "nobody came within 60 min"),
        (say_goodbye(running(), SHARE, "", later(7)), WAITING_MS + 6, ""),
        (say_goodbye(running(), SHARE, "", later(7)), WAITING_MS + 7, "nobody came within 60 min"),
        (running(), DAY - 1, ""),
        (running(), DAY, "its time is over"),
        (close_session(running(), CloseReason.CLOSED_BY_USER, "over"), DAY, "over"),
        (accept_customer(queued(), Representative("rita", HERE), NOW), WAITING_MS - 1, ""),
    ],
)
def test_a_session_ends_when_nobody_comes_or_its_time_is_over(
    state: SessionState, after_ms: int, message: str
) -> None:
    assert reap(state, after_ms).close_message == message


def test_programs_of_a_dead_gateway_count_as_lost() -> None:
    state = attach(running(), ELSEWHERE, NOW)
    after = without_orphans(state, lambda _side, each: each.gateway == ALPHA, later(9))
    assert connected_sides(after) == {REPRESENTATIVE}
    assert after.attached[CUSTOMER].left_unix_ms == later(9)
    assert without_orphans(after, lambda _side, _each: True, later(9)) is after


def fact(name: str, node: NodeId = ALPHA, generation: int = 1, at: int = 10) -> PathReported:
    return PathReported(
        session=SESSION,
        node=node,
        generation=PathGeneration(generation),
        fact=name,
        at_unix_ms=at,
    )


@pytest.mark.parametrize(
    ("facts", "carried"),
    [
        ([], False),
        ([fact("ready")], True),
        ([fact("ready"), fact("parted")], False),
        ([fact("ready"), fact("ready", BETA), fact("parted")], True),
        ([fact("ready"), fact("ready", generation=2), fact("parted")], True),
        ([fact("parted"), fact("ready")], True),
        ([fact("ready", at=4)], False),
        ([fact("of tomorrow")], False),
    ],
)
def test_a_pair_runs_from_ready_to_parted_and_no_longer_than_its_relay(
    facts: list[PathReported], *, carried: bool
) -> None:
    assert is_carried(facts, {ALPHA: 5}) is carried


PROGRAMS = st.sampled_from([SHARE, OTHER_SHARE, CONNECT, OTHER_CONNECT, ELSEWHERE])
FACTS = st.lists(st.tuples(st.sampled_from(["attach", "detach", "leave"]), PROGRAMS), max_size=12)


@given(FACTS, st.integers(min_value=0, max_value=20_000))
def test_no_program_is_replaced_while_it_is_connected(
    facts: list[tuple[str, Program]], step_ms: int
) -> None:
    state = join_customer(opened(), HERE, NOW)
    for number, (kind, by) in enumerate(facts):
        now, before = later(number * step_ms), state.attached.get(by.side)
        try:
            state = (
                say_goodbye(state, by, "", now)
                if kind == "leave"
                else (attach if kind == "attach" else detach)(state, by, now)
            )
        except (AlreadyConnected, Reserved):
            continue
        after = state.attached.get(by.side)
        if before is not None and before.left_unix_ms is None:
            assert after is not None
            assert after.endpoint == before.endpoint
        is_whole = set(state.ends) == set(Side) and connected_sides(state) == set(Side)
        assert not is_whole or state.phase is SessionPhase.ACTIVE
