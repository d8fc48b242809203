"""The parts of a request, their time and their size."""

from collections.abc import Callable
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.gateway.acceptor.core.limits import ConnectionLimits, PaceRule, Refusal
from services.gateway.acceptor.core.requests import RequestPhase, RequestProgress
from shared.domain.ids import Instant

LIMITS = replace(
    ConnectionLimits(),
    header_bytes=100,
    header_fields=3,
    requests_at_once=2,
    body=PaceRule(50, 20.0),
    unwanted_bytes=30,
)
HEADER, BODY = LIMITS.header_seconds, LIMITS.body.seconds
IDLE, UNWANTED = LIMITS.idle_seconds, LIMITS.unwanted_seconds


def at(seconds: float) -> Instant:
    return Instant(1_000.0 + seconds)


def fresh() -> RequestProgress:
    return RequestProgress(LIMITS, at(0))


def in_header() -> RequestProgress:
    progress = fresh()
    assert progress.begin(at(1)) is None
    return progress


def in_body() -> RequestProgress:
    progress = in_header()
    progress.end_header(at(2))
    return progress


def waiting_for_its_answer() -> RequestProgress:
    progress = in_body()
    progress.end(at(3))
    return progress


def answered_early() -> RequestProgress:
    progress = in_body()
    progress.answer(at(4))
    return progress


def answered() -> RequestProgress:
    progress = waiting_for_its_answer()
    progress.answer(at(5))
    return progress


@pytest.mark.parametrize(
    ("make", "phase", "deadline"),
    [
        (fresh, RequestPhase.IDLE, at(IDLE)),
        (in_header, RequestPhase.HEADER, at(1 + HEADER)),
        (in_body, RequestPhase.BODY, at(2 + BODY)),
        (waiting_for_its_answer, RequestPhase.ANSWERING, None),
        (answered_early, RequestPhase.BODY, at(4 + UNWANTED)),
        (answered, RequestPhase.IDLE, at(5 + IDLE)),
    ],
)
def test_each_phase_has_its_deadline(
    make: Callable[[], RequestProgress], phase: RequestPhase, deadline: Instant | None
) -> None:
    progress = make()
    assert (progress.phase, progress.deadline()) == (phase, deadline)


def test_bytes_prolong_neither_an_idle_connection_nor_a_header() -> None:
    progress = fresh()
    progress.receive(2)
    assert progress.deadline() == at(IDLE)
    progress.begin(at(1))
    progress.add_field(10)
    assert progress.deadline() == at(1 + HEADER)


def test_enough_of_a_body_begins_the_next_window_and_less_does_not() -> None:
    progress = in_body()
    progress.add_body(49, at(10))
    assert progress.deadline() == at(2 + BODY)
    progress.add_body(1, at(15))
    assert progress.deadline() == at(15 + BODY)
    progress.add_body(10_000, at(16))
    progress.add_body(1, at(17))
    assert progress.deadline() == at(16 + BODY), "a fast begin pays for no standstill"


@pytest.mark.parametrize("make", [in_header, in_body])
def test_a_pause_of_this_side_is_not_the_clients_time(
    make: Callable[[], RequestProgress],
) -> None:
    progress = make()
    before = progress.deadline()
    assert before is not None
    progress.pause(at(5))
    progress.pause(at(6))
    assert progress.deadline() is None
    progress.resume(at(105))
    progress.resume(at(106))
    assert progress.deadline() == Instant(before + 100)


def test_a_header_has_so_many_fields_and_bytes() -> None:
    progress = in_header()
    assert [progress.add_field(1) for _ in range(4)] == [None, None, None, Refusal.TOO_MANY_FIELDS]
    progress = in_header()
    assert progress.add_target(60) is None
    assert progress.add_field(40) is None
    assert progress.add_field(1) is Refusal.HEADER_TOO_LARGE


@pytest.mark.parametrize("make", [fresh, in_header, in_body])
def test_what_the_parser_keeps_back_is_bounded(make: Callable[[], RequestProgress]) -> None:
    progress = make()
    assert progress.receive(101) is None, "one piece is bounded by the buffer"
    assert progress.receive(1) is Refusal.HEADER_TOO_LARGE


def test_a_body_of_any_length_is_no_header() -> None:
    progress = in_body()
    for _ in range(10):
        assert progress.receive(1_000) is None
        assert progress.add_body(990, at(3)) is None


def test_trailers_count_as_fields_of_the_header() -> None:
    progress = in_header()
    progress.add_field(90)
    progress.end_header(at(2))
    assert progress.add_field(11) is Refusal.HEADER_TOO_LARGE


def test_each_request_has_a_header_of_its_own() -> None:
    progress = in_header()
    progress.add_field(100)
    progress.end_header(at(2))
    progress.end(at(2))
    progress.begin(at(3))
    assert progress.add_field(100) is None


def test_a_body_whose_request_is_answered_may_go_on_for_a_little() -> None:
    progress = answered_early()
    assert progress.add_body(30, at(4)) is None
    assert progress.add_body(1, at(4)) is Refusal.BODY_UNWANTED
    progress.end(at(5))
    assert progress.phase is RequestPhase.IDLE


def test_so_many_requests_may_be_sent_ahead() -> None:
    progress = waiting_for_its_answer()
    assert progress.begin(at(4)) is None
    progress.end_header(at(4))
    progress.end(at(4))
    assert progress.unanswered == 2
    assert progress.begin(at(5)) is Refusal.TOO_MANY_REQUESTS
    progress.answer(at(6))
    assert progress.phase is RequestPhase.ANSWERING
    assert progress.begin(at(7)) is None


def test_an_answer_to_the_request_before_leaves_the_body_wanted() -> None:
    progress = waiting_for_its_answer()
    progress.begin(at(4))
    progress.end_header(at(5))
    progress.answer(at(6))
    assert progress.deadline() == at(5 + BODY)
    assert progress.add_body(1_000, at(6)) is None


STEPS: dict[str, Callable[[RequestProgress, Instant], object]] = {
    "begin": lambda progress, now: progress.begin(now),
    "end_header": lambda progress, now: progress.end_header(now),
    "target": lambda progress, _: progress.add_target(1),
    "field": lambda progress, _: progress.add_field(1),
    "body": lambda progress, now: progress.add_body(10, now),
    "end": lambda progress, now: progress.end(now),
    "answer": lambda progress, now: progress.answer(now),
    "pause": lambda progress, now: progress.pause(now),
    "resume": lambda progress, now: progress.resume(now),
}
ONLY_IN = {
    "begin": {RequestPhase.IDLE, RequestPhase.ANSWERING},
    "end_header": {RequestPhase.HEADER},
    "body": {RequestPhase.BODY},
    "end": {RequestPhase.BODY},
}


@given(st.lists(st.sampled_from(sorted(STEPS)), max_size=60))
def test_what_a_parser_may_report_never_breaks_an_invariant(steps: list[str]) -> None:
    progress = fresh()
    for number, step in enumerate(steps, 1):
        can_be = progress.phase in ONLY_IN.get(step, {progress.phase})
        if can_be and (step != "answer" or progress.unanswered):
            STEPS[step](progress, at(number))
        assert 0 <= progress.unanswered <= LIMITS.requests_at_once
        assert progress.phase is not RequestPhase.ANSWERING or progress.unanswered
        deadline = progress.deadline()
        assert deadline is None or deadline > at(0)
