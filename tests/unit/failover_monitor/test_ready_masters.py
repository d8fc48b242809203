"""Which other masters count as ready, and from when on."""

from services.failover_monitor.core.ready_masters import ReadyMasters
from services.failover_monitor.core.timing import PRESETS
from shared.domain.ids import Instant, NodeId

TIMING = PRESETS["local"]
BRAVO, COLUMBO = NodeId("bravo"), NodeId("columbo")


def heard(ready: ReadyMasters, node: NodeId, *seconds: float, could: bool = True) -> None:
    for second in seconds:
        ready.record(node, Instant(second), could_take_over=could)


def successor(ready: ReadyMasters, at: float) -> NodeId | None:
    return ready.successor(Instant(at), also_reluctant=False)


def test_a_master_counts_once_it_was_ready_for_one_ttl_without_a_break() -> None:
    ready = ReadyMasters(TIMING)
    heard(ready, BRAVO, 10.0, 10.5, 11.0)
    assert successor(ready, 11.4) is None
    heard(ready, BRAVO, 11.5)
    assert successor(ready, 11.5) == BRAVO
    assert ready.counts_from(BRAVO) == 11.5
    heard(ready, BRAVO, 12.0, could=False)
    heard(ready, BRAVO, 12.5)
    assert successor(ready, 13.9) is None
    assert successor(ready, 14.0) == BRAVO


def test_a_master_that_is_not_heard_any_more_counts_no_longer_and_begins_anew() -> None:
    ready = ReadyMasters(TIMING)
    heard(ready, BRAVO, 10.0, 11.5)
    assert successor(ready, 14.4) == BRAVO
    assert successor(ready, 14.5) is None
    heard(ready, BRAVO, 15.0)
    assert successor(ready, 16.4) is None
    assert successor(ready, 16.5) == BRAVO


def test_of_several_the_one_that_was_ready_for_longest_is_named() -> None:
    ready = ReadyMasters(TIMING)
    heard(ready, COLUMBO, 10.0, 12.0)
    heard(ready, BRAVO, 10.2, 12.0)
    assert successor(ready, 12.0) == COLUMBO
    heard(ready, COLUMBO, 12.1, could=False)
    assert successor(ready, 12.2) == BRAVO


def test_a_reluctant_master_is_named_only_where_there_must_be_one() -> None:
    ready = ReadyMasters(TIMING)
    for second in (10.0, 12.0):
        ready.record(BRAVO, Instant(second), could_take_over=True, is_reluctant=True)
    assert successor(ready, 12.0) is None
    assert ready.successor(Instant(12.0), also_reluctant=True) == BRAVO


def test_nobody_is_ready_at_the_beginning() -> None:
    ready = ReadyMasters(TIMING)
    assert successor(ready, 10.0) is None
    assert ready.describe() == "nobody could take over"
