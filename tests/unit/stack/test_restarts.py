"""Which processes are started again, and when."""

import signal
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.domain.ids import Instant
from stack.restarts import (
    BAD_SETTINGS,
    LOOP_ENDS,
    LOOP_PAUSE_SECONDS,
    LOOP_SECONDS,
    STARTS,
    Decision,
    NoMoreRestarts,
    Restarts,
    Start,
    StartAgain,
    TryOn,
)

RELAY = ("berlin", "relay")
GATEWAY = ("alpha", "gateway")
KILLED = -signal.SIGKILL


def at(seconds: float) -> Instant:
    return Instant(1_000.0 + seconds)


def test_a_process_that_ended_is_started_again_after_a_pause() -> None:
    restarts = Restarts()
    assert restarts.deadline() is None
    assert restarts.ended(RELAY, KILLED, at(0)) == StartAgain(0.5)
    assert restarts.deadline() == at(0.5)
    assert restarts.is_waiting(RELAY)
    assert restarts.tick(at(0.4)) == ()
    assert restarts.tick(at(0.5)) == (Start(RELAY),)
    assert restarts.tick(at(9)) == ()
    assert not restarts.is_waiting(RELAY)
    assert restarts.count(RELAY) == 1
    assert restarts.deadline() is None


def test_bad_settings_are_not_retried() -> None:
    restarts = Restarts()
    decision = restarts.ended(RELAY, BAD_SETTINGS, at(0))
    assert isinstance(decision, NoMoreRestarts)
    assert "settings" in decision.why
    assert restarts.given_up(RELAY) == decision.why
    assert restarts.tick(at(100)) == ()


@pytest.mark.parametrize("server", ["nats", "postgres"])
def test_a_server_says_nothing_of_settings_by_its_exit_code(server: str) -> None:
    assert Restarts().ended(("alpha", server), BAD_SETTINGS, at(0)) == StartAgain(0.5)


def test_a_third_end_within_a_minute_is_a_crash_loop() -> None:
    restarts = Restarts()
    assert restarts.ended(RELAY, 1, at(0)) == StartAgain(0.5)
    assert restarts.ended(RELAY, 1, at(30)) == StartAgain(1.0)
    decision = restarts.ended(RELAY, 1, at(60))
    assert isinstance(decision, NoMoreRestarts)
    assert "crash loop" in decision.why
    assert restarts.deadline() is None


@pytest.mark.parametrize("server", ["nats", "postgres"])
def test_a_server_in_a_crash_loop_is_started_on_and_people_hear_of_it_once(server: str) -> None:
    restarts, process = Restarts(), ("alpha", server)
    for second in range(LOOP_ENDS - 1):
        assert isinstance(restarts.ended(process, 1, at(second)), StartAgain)
    now, decisions = float(LOOP_ENDS), list[Decision]()
    for _ in range(10):
        decisions.append(restarts.ended(process, 1, at(now)))
        assert restarts.given_up(process), "nobody waits for it"
        assert restarts.tick(at(now + LOOP_PAUSE_SECONDS - 1)) == ()
        now += LOOP_PAUSE_SECONDS
        assert restarts.tick(at(now)) == (Start(process),)
        assert not restarts.given_up(process)
        now += 2
    assert [isinstance(each, TryOn) and each.is_first for each in decisions] == [True] + [False] * 9
    assert restarts.ended(process, 1, at(now + 120)) == StartAgain(0.5), "it ran for a while"


def test_a_third_end_after_more_than_a_minute_is_none() -> None:
    restarts = Restarts()
    restarts.ended(RELAY, 1, at(0))
    restarts.ended(RELAY, 1, at(30))
    assert restarts.ended(RELAY, 1, at(60.1)) == StartAgain(2.0)


def test_the_pause_is_short_again_after_a_minute_without_an_end() -> None:
    restarts = Restarts()
    assert restarts.ended(RELAY, 1, at(0)) == StartAgain(0.5)
    assert restarts.ended(RELAY, 1, at(40)) == StartAgain(1.0)
    assert restarts.ended(RELAY, 1, at(101)) == StartAgain(0.5)


def test_one_process_that_is_given_up_changes_nothing_for_the_others() -> None:
    restarts = Restarts()
    restarts.ended(RELAY, BAD_SETTINGS, at(0))
    restarts.ended(GATEWAY, 1, at(0))
    assert restarts.tick(at(1)) == (Start(GATEWAY),)
    assert restarts.given_up(GATEWAY) == ""


def test_what_an_operator_ended_is_not_started_again() -> None:
    restarts = Restarts()
    restarts.ended(RELAY, 1, at(0))
    restarts.forget(RELAY)
    assert restarts.tick(at(100)) == ()
    assert restarts.count(RELAY) == 0


def test_what_an_operator_starts_has_all_of_its_chances_again() -> None:
    restarts = Restarts()
    for second in range(LOOP_ENDS):
        restarts.ended(RELAY, 1, at(second))
    assert restarts.given_up(RELAY)
    restarts.forget(RELAY)
    assert restarts.given_up(RELAY) == ""
    assert restarts.ended(RELAY, 1, at(4)) == StartAgain(0.5)


def test_it_describes_itself_in_a_line() -> None:
    restarts = Restarts()
    restarts.ended(GATEWAY, 1, at(0))
    restarts.ended(RELAY, BAD_SETTINGS, at(0))
    decisions = restarts.describe()
    assert "alpha.gateway: 0 restarts, due at 1000.5" in decisions
    assert "berlin.relay: 0 restarts, given up: its settings" in decisions


@given(st.lists(st.floats(0, 90), min_size=1, max_size=40))
def test_no_process_is_started_more_often_than_the_law_allows(gaps: list[float]) -> None:
    restarts, now, ends, pauses = Restarts(), at(0), list[Instant](), list[float]()
    for gap in gaps:
        now = Instant(now + gap)
        decision = restarts.ended(RELAY, 1, now)
        ends.append(now)
        recent = [each for each in ends if now - each <= LOOP_SECONDS]
        if isinstance(decision, NoMoreRestarts):
            assert len(recent) >= LOOP_ENDS
            return
        assert isinstance(decision, StartAgain), "only servers are tried on"
        assert len(recent) < LOOP_ENDS
        pauses.append(decision.seconds)
        (started,) = restarts.tick(Instant(now + decision.seconds))
        assert started == Start(RELAY)
    assert all(STARTS.first_seconds <= pause <= STARTS.longest_seconds for pause in pauses)
    assert all(
        later in (STARTS.first_seconds, 2 * pause) or later == STARTS.longest_seconds
        for pause, later in pairwise(pauses)
    )
