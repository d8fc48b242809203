"""What the data plane did is counted, and reported to gateways and external tools."""

from services.relay.core.effects import PathKey
from services.relay.reporting.metrics import RelayCounters
from services.relay.reporting.reporter import EVENTS_AT_ONCE, SECONDS_EACH, PathReporter
from shared.domain.ids import NodeId, PathGeneration, SessionId
from shared.events.session import PathReported, SessionPathChanged
from shared.wire.relay import RefusalCode
from tests.fakes.events import KeptFacts
from tests.fakes.site import StillClock

BERLIN, KEY = NodeId("berlin"), PathKey(SessionId("4711"), PathGeneration(2))


def test_a_pair_that_came_and_went_is_reported_twice() -> None:
    facts, events, counters = KeptFacts(), KeptFacts(), RelayCounters()
    reporter = PathReporter(BERLIN, facts, events, counters, StillClock())

    reporter.on_paired(KEY)
    reporter.on_pair_closed(KEY, 4_096)

    assert counters.paired == 1
    reported = [each for each in facts.kept if isinstance(each, PathReported)]
    assert [(each.fact, each.bytes_carried) for each in reported] == [
        ("ready", 0),
        ("parted", 4_096),
    ]
    news = [each for each in events.kept if isinstance(each, SessionPathChanged)]
    assert [(each.previous, each.state, each.bytes_carried) for each in news] == [
        ("waiting", "ready", 0),
        ("ready", "parted", 4_096),
    ]
    assert {(each.session, each.node, each.generation) for each in news} == {("4711", BERLIN, 2)}


def test_a_refused_connection_is_counted_and_not_published() -> None:
    facts, events, counters = KeptFacts(), KeptFacts(), RelayCounters()

    PathReporter(BERLIN, facts, events, counters, StillClock()).on_refused(
        RefusalCode.CLOSED, "192.0.2.1"
    )

    assert counters.refused[RefusalCode.CLOSED] == 1
    assert facts.kept == events.kept == []


def test_a_session_that_changes_its_path_without_end_makes_a_bounded_number_of_events() -> None:
    facts, events, clock = KeptFacts(), KeptFacts(), StillClock()
    reporter = PathReporter(BERLIN, facts, events, RelayCounters(), clock)
    for _ in range(100):
        reporter.on_paired(KEY)
        reporter.on_pair_closed(KEY, 1)
    assert len(events.kept) == EVENTS_AT_ONCE
    assert len(facts.kept) == 200, "gateways get every fact"

    clock.at += SECONDS_EACH
    reporter.on_paired(KEY)
    last = events.kept[-1]
    assert isinstance(last, SessionPathChanged)
    assert last.cause == "both ends came; 180 changes before were left out"
