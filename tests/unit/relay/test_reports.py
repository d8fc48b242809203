"""What the data plane did is counted, and told to gateways and to tools outside."""

from services.relay.core.reception import PathKey
from services.relay.metrics import Tally
from services.relay.reports import Reports
from shared.domain.ids import NodeId, PathGeneration, SessionId
from shared.events.session import PathReported, SessionPathChanged
from shared.wire.relay import RefusalCode
from tests.fakes.events import KeptFacts
from tests.fakes.site import StillClock

BERLIN, KEY = NodeId("berlin"), PathKey(SessionId("4711"), PathGeneration(2))


def test_a_pair_that_came_and_went_is_told_twice_to_both() -> None:
    facts, events, tally = KeptFacts(), KeptFacts(), Tally()
    reports = Reports(BERLIN, facts, events, tally, StillClock())

    reports.on_paired(KEY)
    reports.on_parted(KEY, 4_096)

    assert tally.paired == 1
    told = [each for each in facts.kept if isinstance(each, PathReported)]
    assert [(each.fact, each.bytes_carried) for each in told] == [("ready", 0), ("parted", 4_096)]
    news = [each for each in events.kept if isinstance(each, SessionPathChanged)]
    assert [(each.previous, each.state, each.bytes_carried) for each in news] == [
        ("waiting", "ready", 0),
        ("ready", "parted", 4_096),
    ]
    assert {(each.session, each.node, each.generation) for each in news} == {("4711", BERLIN, 2)}


def test_a_refused_connection_is_counted_and_told_to_nobody() -> None:
    facts, events, tally = KeptFacts(), KeptFacts(), Tally()

    Reports(BERLIN, facts, events, tally, StillClock()).on_refused(RefusalCode.CLOSED)

    assert tally.refused[RefusalCode.CLOSED] == 1
    assert facts.kept == events.kept == []
