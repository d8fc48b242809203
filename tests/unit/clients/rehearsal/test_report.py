"""The result of a rehearsal: shares over clients, means over what is known, and moves."""

import pytest

from clients.rehearsal.population import Person
from clients.rehearsal.report import NO_NODE, PersonPlacement, build_report, count_moves

ANNE = Person("192.0.2.1", clients=3, latencies_ms={"berlin": 10.0, "tokyo": 250.0})
BERT = Person("192.0.2.2", clients=1, latencies_ms={"berlin": 30.0})
CARL = Person("192.0.2.3", clients=4)
PEOPLE = (ANNE, BERT, CARL)


def test_a_share_is_of_clients_and_not_of_lines() -> None:
    result = build_report(
        PEOPLE, (PersonPlacement("berlin"), PersonPlacement("tokyo"), PersonPlacement("tokyo"))
    )
    assert [(each.node, each.clients, each.share) for each in result.shares] == [
        ("tokyo", 5, 5 / 8),
        ("berlin", 3, 3 / 8),
    ]
    assert result.clients == 8


def test_means_are_weighted_by_clients_and_omit_unknown_values() -> None:
    result = build_report(
        PEOPLE,
        (PersonPlacement("berlin", 100), PersonPlacement("berlin", 500), PersonPlacement("berlin")),
    )
    assert result.kilometres == pytest.approx((3 * 100 + 500) / 4)
    assert result.latency_ms == pytest.approx((3 * 10 + 30) / 4)


def test_unknown_values_have_no_mean() -> None:
    result = build_report((CARL,), (PersonPlacement("berlin"),))
    assert (result.kilometres, result.latency_ms) == (None, None)


def test_those_without_a_node_are_counted_and_come_last() -> None:
    result = build_report(
        PEOPLE, (PersonPlacement("berlin"), PersonPlacement(None), PersonPlacement(None))
    )
    assert result.refused == 5
    assert [each.node for each in result.shares] == ["berlin", NO_NODE]


def test_moves_are_counted_from_node_to_node_most_first() -> None:
    before = (PersonPlacement("berlin"), PersonPlacement("tokyo"), PersonPlacement("berlin"))
    after = (PersonPlacement("tokyo"), PersonPlacement("tokyo"), PersonPlacement(None))
    assert count_moves(PEOPLE, before, after) == {("berlin", NO_NODE): 4, ("berlin", "tokyo"): 3}


def test_the_report_for_programs_has_rounded_figures() -> None:
    figures = build_report((ANNE,), (PersonPlacement("tokyo", 8_917.26),)).as_json()
    assert figures["nodes"] == [
        {
            "node": "tokyo",
            "clients": 3,
            "share": 1.0,
            "mean_kilometres": 8_917.3,
            "mean_latency_ms": 250.0,
        }
    ]
