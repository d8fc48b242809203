"""The log's servers, from the rounds in which all of them are asked."""

from services.failover_monitor.core.log_servers import LogServers, ServerAnswer, ServerChange
from shared.domain.ids import Instant, NodeId
from shared.domain.log_server import LogServerState

ALPHA, BRAVO, WITNESS = NodeId("alpha"), NodeId("bravo"), NodeId("witness")
ALL = (ALPHA, BRAVO, WITNESS)
WORKING, BEHIND = LogServerState.WORKING, LogServerState.BEHIND
SILENT, OFF = LogServerState.SILENT, LogServerState.JETSTREAM_OFF


def answers(*servers: NodeId, behind: NodeId | None = None) -> list[ServerAnswer]:
    late = frozenset[NodeId]() if behind is None else frozenset({behind})
    return [ServerAnswer(server, behind=late) for server in servers]


def watched(*rounds: list[ServerAnswer]) -> LogServers:
    """The servers after *rounds* that are five seconds apart."""
    servers = LogServers(ALL, patience_seconds=10.0)
    for number, each in enumerate(rounds):
        servers.record_round(each, Instant(5.0 * number))
    return servers


def test_a_server_that_answers_works_and_nothing_is_known_before_a_round() -> None:
    assert watched().states == {}
    assert watched(answers(*ALL)).states == dict.fromkeys(ALL, WORKING)


def test_a_server_is_silent_after_ten_seconds_without_an_answer() -> None:
    without = answers(ALPHA, BRAVO)
    assert watched(without, without).states[WITNESS] is WORKING
    assert watched(*[without] * 3).states[WITNESS] is SILENT
    heard_between = watched(without, without, answers(*ALL), without)
    assert heard_between.states[WITNESS] is WORKING
    assert watched(*[without] * 3, answers(*ALL)).states[WITNESS] is WORKING


def test_a_server_that_does_not_keep_up_for_ten_seconds_is_behind() -> None:
    late = answers(*ALL, behind=BRAVO)
    assert watched(late, late).states[BRAVO] is WORKING
    assert watched(*[late] * 3).states[BRAVO] is BEHIND
    assert watched(*[late] * 3, answers(*ALL)).states[BRAVO] is WORKING


def test_a_server_that_stores_nothing_is_believed_at_once() -> None:
    off = [*answers(ALPHA, WITNESS), ServerAnswer(BRAVO, is_storing=False)]
    assert watched(off).states[BRAVO] is OFF


def test_a_master_that_reaches_no_server_knows_nothing_new() -> None:
    assert watched(answers(*ALL), [], [], []).states == dict.fromkeys(ALL, WORKING)
    back = watched(answers(*ALL), [], [], answers(ALPHA, BRAVO))
    assert back.states == dict.fromkeys(ALL, WORKING), "blind time is no silence"


def test_a_server_that_runs_alone_is_all_of_the_log() -> None:
    assert watched([ServerAnswer(ALPHA, is_alone=True)]).states == {ALPHA: WORKING}


def test_a_change_is_reported_once_and_what_works_at_first_is_none() -> None:
    servers = watched(answers(*ALL))
    assert servers.find_changes() == ()
    for seconds in (5.0, 10.0):
        servers.record_round(answers(ALPHA, BRAVO), Instant(seconds))
    assert servers.find_changes() == (ServerChange(WITNESS, SILENT, WORKING),)
    assert servers.find_changes() == ()
    servers.record_round(answers(*ALL), Instant(15.0))
    assert servers.find_changes() == (ServerChange(WITNESS, WORKING, SILENT),)


def test_a_new_primary_repeats_what_is_wrong() -> None:
    servers = watched(*[answers(ALPHA, BRAVO)] * 3)
    assert len(servers.find_changes()) == 1
    servers.forget_reports()
    assert servers.find_changes() == (ServerChange(WITNESS, SILENT, WORKING),)
