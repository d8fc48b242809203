"""How `meridian status` shows what is wrong with a node, and folds what flipped."""

import pytest

from clients.cli.status import describe_service, faults_of
from clients.cli.status_history import describe
from clients.cli.times import format_time
from shared.api.cluster import NodeStatus
from shared.domain.clock_offset import MeasuredClock
from shared.domain.history import Repetition, StatusLine
from shared.domain.ids import NodeId
from shared.domain.liveness import Liveness
from shared.domain.node import NodeRole
from shared.domain.service import ServiceRestarts


@pytest.mark.parametrize(
    ("restarts", "crash_loop", "is_away", "sentence"),
    [
        (1, False, False, "relay ended uncleanly once: it was started again"),
        (4, False, False, "relay ended uncleanly 4 times in a row: it was started again"),
        (3, True, False, "relay ended uncleanly 3 times in a row, a crash loop: it was started"),
        (2, True, True, "relay ended uncleanly 3 times in a row, a crash loop: it has not come"),
        (0, False, True, "relay ended uncleanly once: it has not come back"),
    ],
)
def test_a_service_is_shown_with_its_ends_and_how_it_is_now(
    restarts: int, crash_loop: bool, is_away: bool, sentence: str
) -> None:
    service = ServiceRestarts("relay", restarts, crash_loop, is_away)
    assert describe_service(service).startswith(sentence)


def node_status(liveness: Liveness, ahead_ms: int) -> NodeStatus:
    fields = dict.fromkeys(NodeStatus.model_fields)
    given = {"node": "berlin", "role": NodeRole.TRAFFIC, "region": "eu", "liveness": liveness}
    plain = {"draining": False, "accepting_new_clients": True, "reasons": (), "services": ()}
    clock = MeasuredClock("relay", ahead_ms, 3, 2)
    return NodeStatus.model_validate({**fields, **given, **plain, "clock": clock})


@pytest.mark.parametrize("liveness", list(Liveness))
def test_a_node_whose_clock_is_off_is_shown_with_it_dead_or_alive(liveness: Liveness) -> None:
    assert faults_of(node_status(liveness, 40_000)) == (
        "its clock is 40 s ahead (measured 2 s ago)",
    )
    assert faults_of(node_status(liveness, 4_999)) == ()


def test_a_folded_line_says_how_often_between_which_times_and_what_came_last() -> None:
    first, last = 1_790_000_000_000, 1_790_000_420_000
    again = Repetition("bravo could not take over", 14, first, last, 28)
    line = StatusLine(
        id="x",
        at_unix_ms=last,
        speaker=NodeId("alpha"),
        fact="failover.readiness_changed",
        nodes=("bravo",),
        sentence="bravo could take the role over",
        body={},
        is_state=True,
        repeated=again,
    )
    begin, end = format_time(first)[11:16], format_time(last)[11:16]
    assert describe(line) == (
        f"bravo could not take over: 14 times between {begin} and {end}, "
        "last: bravo could take the role over"
    )
