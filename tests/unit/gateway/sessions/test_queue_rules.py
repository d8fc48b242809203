"""Who waits for whom, and who may look: the rules alone."""

import pytest

from services.gateway.core.roles import Caller
from services.gateway.sessions.core.attachment import (
    AWAY_MS,
    Circumstances,
    Program,
    attach,
    detach,
    reaped,
)
from services.gateway.sessions.core.news import describe_change
from services.gateway.sessions.core.queue import (
    LONGEST_QUEUE,
    choose_team,
    find_public_site,
    require_member,
    require_room,
    require_visible,
    visible_teams,
    waiting_sessions,
)
from services.gateway.sessions.core.session import (
    Arrival,
    Opening,
    Representative,
    accept_customer,
    close_session,
    join_customer,
    needs_placement,
    open_session,
    queue_session,
)
from shared.documents.public_site import PublicSiteDocument
from shared.documents.team import TeamDocument
from shared.documents.user import UserRole
from shared.domain.errors import (
    AlreadyTaken,
    Forbidden,
    InvalidChange,
    NotFound,
    SessionEnded,
    Unavailable,
)
from shared.domain.ids import NodeId, SessionId, UnixMillis
from shared.domain.node import Side
from shared.domain.session import CloseReason, SessionPhase
from shared.events.selection import ClientFacts
from shared.events.session import Queued, SessionState

NOW = UnixMillis(1_000_000)
END = UnixMillis(2_000_000)
HERE = ClientFacts(address="192.0.2.1")
THERE = ClientFacts(address="192.0.2.2", side=Side.REPRESENTATIVE)
RITA, ANNA = Representative("rita", THERE), Representative("anna", THERE)
SITES = {
    "help": PublicSiteDocument(hostnames=("help.example.com",), teams=("desk",)),
    "shop": PublicSiteDocument(
        hostnames=("shop.example.com", "sale.example.com"), teams=("sales", "desk")
    ),
    "shut": PublicSiteDocument(hostnames=("shut.example.com",)),
}
TEAMS = {
    "desk": TeamDocument(members=("rita", "anna"), managers=("mona",)),
    "sales": TeamDocument(members=("sam",)),
}


def caller(user: str, role: UserRole = UserRole.REPRESENTATIVE) -> Caller:
    return Caller(user, role)


def customer(name: str = "4711", team: str = "desk", at: int = NOW) -> SessionState:
    queued = Queued(team=team, public_site="help")
    return queue_session(Arrival(SessionId(name), queued, HERE, END), UnixMillis(at))


@pytest.mark.parametrize(
    ("asked", "name"),
    [
        ("help", "help"),
        ("help.example.com", "help"),
        ("SALE.example.com.", "shop"),
        ("shop.example.com", "shop"),
    ],
)
def test_a_public_site_is_found_by_its_name_and_by_its_host_names(asked: str, name: str) -> None:
    assert find_public_site(SITES, asked) == name


@pytest.mark.parametrize("asked", ["", "example.com", "Help", "help.example.org"])
def test_an_unknown_public_site_is_not_found(asked: str) -> None:
    with pytest.raises(NotFound):
        find_public_site(SITES, asked)


def test_the_only_team_of_a_site_need_not_be_named() -> None:
    assert choose_team("help", SITES["help"], None) == "desk"
    assert choose_team("shop", SITES["shop"], "desk") == "desk"


def test_a_customer_of_several_teams_is_asked_for_which() -> None:
    with pytest.raises(InvalidChange, match="sales, desk"):
        choose_team("shop", SITES["shop"], None)


def test_a_team_that_the_site_does_not_offer_is_not_found() -> None:
    with pytest.raises(NotFound, match="it offers desk"):
        choose_team("help", SITES["help"], "sales")
    with pytest.raises(NotFound, match="no team at the moment"):
        choose_team("shut", SITES["shut"], None)


def test_members_and_managers_see_their_teams_queue_and_no_other() -> None:
    assert visible_teams(caller("rita"), TEAMS) == {"desk"}
    assert visible_teams(caller("mona"), TEAMS) == {"desk"}
    assert visible_teams(caller("nobody"), TEAMS) == frozenset()
    with pytest.raises(Forbidden, match="not yours to see"):
        require_visible(visible_teams(caller("rita"), TEAMS), "sales")
    require_visible(visible_teams(caller("rita"), TEAMS), "desk")


def test_administrators_and_auditors_see_every_queue() -> None:
    for role in (UserRole.ADMINISTRATOR, UserRole.AUDITOR):
        assert visible_teams(caller("otto", role), TEAMS) == {"desk", "sales"}


@pytest.mark.parametrize("user", ["mona", "sam", "nobody"])
def test_only_members_take_a_customer(user: str) -> None:
    queued = Queued(team="desk", public_site="help")
    with pytest.raises(Forbidden):
        require_member(caller(user, UserRole.ADMINISTRATOR), TEAMS, queued)
    require_member(caller("rita"), TEAMS, queued)


def test_a_queue_whose_team_is_gone_is_nobodys() -> None:
    with pytest.raises(Forbidden):
        require_member(caller("rita"), {}, Queued(team="desk", public_site="help"))


def test_a_queue_is_whoever_waits_the_oldest_first() -> None:
    first, second = customer("1", at=NOW + 1), customer("2", at=NOW + 2)
    taken = accept_customer(customer("3"), RITA, NOW)
    gone = close_session(customer("4"), CloseReason.CLOSED_BY_USER, "left")
    other = customer("5", team="sales")
    named = open_session(Opening(SessionId("6"), "rita", THERE, END), NOW)
    states = (second, first, taken, gone, other, named)

    assert waiting_sessions(states, frozenset({"desk"}), NOW) == (first, second)
    assert waiting_sessions(states, frozenset({"desk"}), END) == ()
    assert waiting_sessions(states, frozenset(), NOW) == ()


def test_a_full_queue_asks_to_come_again_later() -> None:
    many = [customer(str(number)) for number in range(LONGEST_QUEUE)]
    require_room(many[1:], "desk", NOW)
    require_room(many, "sales", NOW)
    with pytest.raises(Unavailable, match="come again later"):
        require_room(many, "desk", NOW)


def test_who_arrives_waits_without_a_representative_and_without_paths() -> None:
    state = customer()

    assert state.phase is SessionPhase.WAITING
    assert state.representative == ""
    assert set(state.ends) == {Side.CUSTOMER}
    assert not needs_placement(state, NOW, lost=True)


def test_who_takes_a_customer_makes_the_session_active() -> None:
    state = accept_customer(customer(), RITA, NOW)

    assert state.phase is SessionPhase.ACTIVE
    assert state.representative == "rita"
    assert set(state.ends) == set(Side)
    assert needs_placement(state, NOW, lost=False)


def test_the_second_who_takes_a_customer_learns_who_was_faster() -> None:
    taken = accept_customer(customer(), RITA, NOW)
    with pytest.raises(AlreadyTaken, match="rita"):
        accept_customer(taken, ANNA, NOW)
    assert accept_customer(taken, RITA, NOW) == taken


def test_nobody_takes_who_has_left_or_waited_too_long() -> None:
    with pytest.raises(SessionEnded):
        accept_customer(close_session(customer(), CloseReason.CLOSED_BY_USER, "left"), RITA, NOW)
    with pytest.raises(SessionEnded):
        accept_customer(customer(), RITA, END)
    late = Circumstances(UnixMillis(NOW + 60_000), NOW, 60_000)
    assert reaped(customer(), late, is_carried=False).close_message == "nobody came within 1 min"


def test_a_customer_whose_connection_is_lost_for_good_stands_in_no_queue() -> None:
    by = Program(Side.CUSTOMER, "a" * 32, NodeId("alpha"))
    lost = detach(attach(customer(), by, NOW), by, NOW)
    for after_ms, waits in ((AWAY_MS - 1, True), (AWAY_MS, False)):
        found = waiting_sessions([lost], frozenset({"desk"}), UnixMillis(NOW + after_ms))
        assert bool(found) is waits


def test_a_taken_customer_whose_session_waits_again_is_not_in_the_queue() -> None:
    taken = accept_customer(customer(), RITA, NOW)
    waiting = taken.model_copy(update={"phase": SessionPhase.WAITING})
    assert waiting_sessions([waiting], frozenset({"desk"}), NOW) == ()


def test_a_session_with_a_key_is_in_no_queue() -> None:
    with pytest.raises(NotFound):
        accept_customer(open_session(Opening(SessionId("1"), "rita", THERE, END), NOW), RITA, NOW)


def test_a_guessed_nameplate_joins_nobodys_queue() -> None:
    for state in (customer(), accept_customer(customer(), RITA, NOW)):
        with pytest.raises(NotFound):
            join_customer(state, HERE, NOW)


def test_tools_outside_hear_why_a_session_began_and_who_accepted_it() -> None:
    state = customer()
    came, taken = (
        describe_change(None, state),
        describe_change(state, accept_customer(state, RITA, NOW)),
    )
    assert came is not None
    assert taken is not None
    assert came.cause == "a customer came to help for the team desk"
    assert taken.cause == "taken by rita"
