"""What a rehearsal is told in: shares over clients, means over what is known, and moves."""

import pytest

from clients.rehearsal.population import Person
from clients.rehearsal.report import NOBODY, Placed, moves, report

ANNE = Person("192.0.2.1", clients=3, latencies_ms={"berlin": 10.0, "tokyo": 250.0})
BERT = Person("192.0.2.2", clients=1, latencies_ms={"berlin": 30.0})
CARL = Person("192.0.2.3", clients=4)
PEOPLE = (ANNE, BERT, CARL)


def test_a_share_is_of_clients_and_not_of_lines() -> None:
    found = report(PEOPLE, (Placed("berlin"), Placed("tokyo"), Placed("tokyo")))
    assert [(each.node, each.clients, each.share) for each in found.shares] == [
        ("tokyo", 5, 5 / 8),
        ("berlin", 3, 3 / 8),
    ]
    assert found.clients == 8


def test_means_are_weighed_by_clients_and_leave_out_what_is_unknown() -> None:
    found = report(PEOPLE, (Placed("berlin", 100), Placed("berlin", 500), Placed("berlin")))
    assert found.kilometres == pytest.approx((3 * 100 + 500) / 4)
    assert found.latency_ms == pytest.approx((3 * 10 + 30) / 4)


def test_what_nobody_knows_has_no_mean() -> None:
    found = report((CARL,), (Placed("berlin"),))
    assert (found.kilometres, found.latency_ms) == (None, None)


def test_those_without_a_node_are_counted_and_come_last() -> None:
    found = report(PEOPLE, (Placed("berlin"), Placed(None), Placed(None)))
    assert found.refused == 5
    assert [each.node for each in found.shares] == ["berlin", NOBODY]


def test_moves_name_who_changes_places_most_first() -> None:
    before = (Placed("berlin"), Placed("tokyo"), Placed("berlin"))
    after = (Placed("tokyo"), Placed("tokyo"), Placed(None))
    assert moves(PEOPLE, before, after) == {("berlin", NOBODY): 4, ("berlin", "tokyo"): 3}


def test_the_report_for_programs_has_rounded_figures() -> None:
    told = report((ANNE,), (Placed("tokyo", 8_917.26),)).as_json()
    assert told["nodes"] == [
        {
            "node": "tokyo",
            "clients": 3,
            "share": 1.0,
            "mean_kilometres": 8_917.3,
            "mean_latency_ms": 250.0,
        }
    ]
