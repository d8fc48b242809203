"""A rehearsal: placed clients stay, supposed failures count, and the live roster is left alone."""

from services.node_selector.core.facts import End, Question
from services.node_selector.core.live_state import Load
from services.node_selector.core.rehearsal import Assumptions, Rehearsal
from services.node_selector.core.roster import Roster
from shared.documents.node import Address, Location, NodeDocument
from shared.documents.selection import Selection, SelectionMethod
from shared.documents.site import SiteDocument
from shared.domain.ids import Instant, NodeId
from shared.domain.node import NodeRole

NOW = Instant(1_000.0)
BERLIN, TOKYO = NodeId("berlin"), NodeId("tokyo")
MOST_NODES = {
    BERLIN: Location(latitude=52.5, longitude=13.4),
    TOKYO: Location(latitude=35.7, longitude=139.7),
}
SITE = SiteDocument(name="s")
GEO = Selection(methods=(SelectionMethod.GEO,))
LEAST_LOAD = Selection(methods=(SelectionMethod.LEAST_LOAD,))
AT_BERLIN = Question(End("192.0.2.1", location=MOST_NODES[BERLIN]), count=1, now=NOW)
AT_TOKYO = Question(End("192.0.2.2", location=MOST_NODES[TOKYO]), count=1, now=NOW)


def nodes(capacity: int = 100) -> dict[NodeId, NodeDocument]:
    return {
        node: NodeDocument(
            role=NodeRole.TRAFFIC,
            public_address=Address(host=f"{node}.example.com", port=443),
            location=place,
            capacity=capacity,
        )
        for node, place in MOST_NODES.items()
    }


def alive(sessions: int = 0, capacity: int = 100) -> Roster:
    roster = Roster("1.0.0")
    roster.update_directory(SITE, nodes(capacity))
    for node in MOST_NODES:
        roster.record_relay(node, Load(sessions, draining=False, version="1.0.0"), NOW)
    return roster


def rehearsal(supposed: Assumptions, capacity: int = 100, live: Roster | None = None) -> Rehearsal:
    return Rehearsal(live or alive(capacity=capacity), SITE, nodes(capacity), supposed, NOW)


def test_everybody_goes_where_the_supposed_rule_sends_them() -> None:
    assert rehearsal(Assumptions(GEO)).place([(AT_BERLIN, 1), (AT_TOKYO, 1)]) == [BERLIN, TOKYO]


def test_who_is_supposed_to_have_failed_gets_nobody() -> None:
    assert rehearsal(Assumptions(GEO, failed=(BERLIN,))).place([(AT_BERLIN, 1)]) == [TOKYO]


def test_placed_clients_stay_and_fill_their_node() -> None:
    trial = rehearsal(Assumptions(GEO), capacity=5)
    assert trial.place([(AT_BERLIN, 5), (AT_BERLIN, 5), (AT_BERLIN, 1)]) == [BERLIN, TOKYO, None]
    assert trial.sessions == {BERLIN: 5, TOKYO: 5}


def test_load_grows_with_every_client_so_that_it_is_shared() -> None:
    trial = rehearsal(Assumptions(LEAST_LOAD))
    trial.place((AT_BERLIN, 1) for _ in range(40))
    assert trial.sessions == {BERLIN: 20, TOKYO: 20}


def test_a_part_goes_on_with_the_sessions_of_the_part_before() -> None:
    trial = rehearsal(Assumptions(GEO, sessions={BERLIN: 100}))
    assert trial.place([(AT_BERLIN, 1)]) == [TOKYO]
    assert trial.sessions == {BERLIN: 100, TOKYO: 1}


def test_the_first_part_begins_with_what_the_nodes_carry_now() -> None:
    assert rehearsal(Assumptions(GEO), live=alive(sessions=7)).sessions == {BERLIN: 7, TOKYO: 7}


def test_who_is_silent_now_is_silent_in_the_rehearsal() -> None:
    roster = Roster("1.0.0")
    roster.update_directory(SITE, nodes())
    roster.record_relay(TOKYO, Load(0, draining=False, version="1.0.0"), NOW)
    assert rehearsal(Assumptions(GEO), live=roster).place([(AT_BERLIN, 1)]) == [TOKYO]


def test_a_rehearsal_leaves_the_live_roster_as_it_was() -> None:
    live = alive()
    rehearsal(Assumptions(GEO), live=live).place([(AT_BERLIN, 50)])
    assert {each.status.load.sessions for each in live.candidates(NOW) if each.status} == {0}


def test_the_distance_is_reported_where_both_places_are_known() -> None:
    trial = rehearsal(Assumptions(GEO))
    far = trial.kilometres(AT_BERLIN, TOKYO)
    assert far is not None
    assert 8_800 < far < 9_050
    assert trial.kilometres(AT_BERLIN, None) is None
    assert trial.kilometres(Question(End("192.0.2.3"), now=NOW), TOKYO) is None
