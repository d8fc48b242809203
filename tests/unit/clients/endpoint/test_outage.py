"""What an end without a path makes of it: the rules alone."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from clients.endpoint.outage import (
    ADDRESSES_NAMED,
    OTHER_SIDE_SECONDS,
    GaveUp,
    OtherSideLost,
    Outage,
    OutageEffect,
    StreamsFailed,
)
from shared.domain.ids import Instant

WAIT, END = 30.0, 1_000.0
BERLIN, TOKYO = "berlin (192.0.2.7:443)", "tokyo (192.0.2.8:443)"


class Clocked:
    """An outage whose ticks come exactly when it wants them."""

    def __init__(self, wait_seconds: float = WAIT) -> None:
        self.outage = Outage(wait_seconds)
        self.now = Instant(0.0)
        self.site_answers = True
        self.effects: list[tuple[float, OutageEffect]] = []

    def wait(self, seconds: float) -> "Clocked":
        until = self.now + seconds
        for _ in range(10_000):
            deadline = self.outage.deadline()
            if deadline is None or deadline > until:
                break
            self.now = Instant(max(self.now, deadline))
            self.tick()
        else:
            raise AssertionError("it is due without end")
        self.now = Instant(until)
        self.tick()
        return self

    def tick(self) -> None:
        effects = self.outage.tick(self.now, site_answers=self.site_answers)
        self.effects += [(self.now, effect) for effect in effects]

    def up(self) -> "Clocked":
        self.outage.path_up()
        return self

    def lost(self) -> "Clocked":
        self.outage.path_lost(self.now)
        return self

    def admitted(self, address: str = BERLIN) -> "Clocked":
        self.outage.relay_waits(address)
        return self

    def failed(self, address: str = BERLIN, reason: str = "Connection refused") -> "Clocked":
        self.outage.relay_failed(address, reason, self.now)
        return self


def vain(wait: float = WAIT) -> StreamsFailed:
    return StreamsFailed(f"the other side did not come back within {wait:g} s")


def test_an_end_that_a_relay_lets_wait_says_that_the_other_sides_connection_was_lost() -> None:
    here = Clocked().up().lost().admitted().wait(END)
    assert here.effects == [(OTHER_SIDE_SECONDS, OtherSideLost(WAIT)), (WAIT, vain())]


def test_it_says_so_at_once_when_the_first_relay_answers_late() -> None:
    here = Clocked().up().lost().wait(5.0).admitted().wait(END)
    assert here.effects[0] == (5.0, OtherSideLost(WAIT))


def test_ends_that_meet_again_in_time_say_nothing() -> None:
    here = Clocked().up().lost().admitted().wait(OTHER_SIDE_SECONDS - 0.01).up().wait(END)
    assert here.effects == []
    assert here.outage.deadline() is None


def test_new_streams_are_refused_from_the_loss_of_the_other_side_to_the_next_path() -> None:
    here = Clocked().up().lost().admitted()
    refused = [here.wait(each).outage.refuses_streams for each in (0.5, 1.0, WAIT)]
    refused.append(here.up().outage.refuses_streams)
    assert refused == [False, True, True, False]


def test_each_outage_is_one_of_its_own() -> None:
    here = Clocked().up().lost().admitted().wait(2.0).up().wait(10.0).lost().admitted().wait(40.0)
    assert here.effects[1:] == [(13.0, OtherSideLost(WAIT)), (42.0, vain())]


def test_relays_out_of_reach_are_an_error_after_the_wait_that_names_each_address_and_why() -> None:
    here = Clocked().failed().wait(4.0).failed(TOKYO, "no connection within 5 s").wait(END)
    message = (
        f"no relay of the site can be reached ({BERLIN}: Connection refused; "
        f"{TOKYO}: no connection within 5 s)"
    )
    assert here.effects == [(WAIT, GaveUp(message))]


def test_many_addresses_are_not_all_named() -> None:
    here = Clocked()
    for number in range(ADDRESSES_NAMED + 3):
        here.failed(f"node{number}")
    ((_, effect),) = here.wait(END).effects
    assert isinstance(effect, GaveUp)
    assert effect.message.endswith("; and 3 more)")


def test_one_relay_that_lets_it_wait_is_enough_not_to_give_up() -> None:
    assert Clocked().failed().admitted(TOKYO).wait(END).effects == []
    assert Clocked().admitted(TOKYO).failed().wait(END).effects == []


def test_a_relay_that_fails_after_it_let_the_end_wait_is_out_of_reach_from_then_on() -> None:
    here = Clocked().admitted().wait(10.0).failed().wait(END)
    assert [at for at, _ in here.effects] == [10.0 + WAIT]


def test_an_end_that_waits_for_the_other_sides_arrival_waits_for_ever() -> None:
    assert Clocked().wait(END).admitted().wait(END).effects == []


def test_an_end_that_had_a_path_does_not_give_up_while_its_own_network_is_gone() -> None:
    here = Clocked().up().lost().failed(reason="Network is unreachable")
    here.site_answers = False
    here.wait(END)
    assert here.effects == [(WAIT, StreamsFailed("no relay could be reached within 30 s"))]
    here.site_answers = True
    assert isinstance(here.wait(2.0).effects[-1][1], GaveUp)


def test_what_relays_do_beside_a_path_is_ignored() -> None:
    assert Clocked().up().failed().admitted().wait(END).effects == []


@pytest.mark.parametrize("wait", [1.0, 5.0, 86_400.0])
def test_the_wait_is_the_users(wait: float) -> None:
    here = Clocked(wait).up().lost().admitted().wait(2 * wait)
    assert here.effects[-1] == (wait, vain(wait))


FACTS = st.sampled_from(["up", "lost", "admitted", "failed", "wait"])


@given(st.lists(FACTS, max_size=40), st.floats(min_value=0.0, max_value=40.0))
def test_an_outage_says_each_thing_once_whatever_happens(facts: list[str], pause: float) -> None:
    here = Clocked()
    since_up: list[OutageEffect] = []
    for fact in facts:
        seen = len(here.effects)
        if fact == "wait":
            here.wait(pause)
        else:
            getattr(here, fact)()
        if fact == "up":
            since_up = []
        since_up += [effect for _, effect in here.effects[seen:]]
        kinds = [type(each) for each in since_up if not isinstance(each, GaveUp)]
        assert len(kinds) == len(set(kinds))
