"""The stages of a connection, and how long each may last."""

from dataclasses import fields

import pytest

from services.gateway.acceptor.core.limits import ConnectionLimits, PaceRule, Refusal
from services.gateway.acceptor.core.pace import AnswerPace
from services.gateway.acceptor.core.refusal_reports import RefusalReport, RefusalReports
from services.gateway.acceptor.core.stages import NEXT, TIMEOUTS, ConnectionStages, Stage
from shared.domain.ids import Instant

LIMITS = ConnectionLimits()


def at(seconds: float) -> Instant:
    return Instant(1_000.0 + seconds)


def entered(*stages: Stage) -> ConnectionStages:
    connection = ConnectionStages(LIMITS, at(0))
    for number, stage in enumerate(stages, 1):
        connection.enter(stage, at(number))
    return connection


@pytest.mark.parametrize(
    ("stages", "deadline"),
    [
        ((), at(LIMITS.greeting_seconds)),
        ((Stage.HANDSHAKE,), at(1 + LIMITS.handshake_seconds)),
        ((Stage.HANDSHAKE, Stage.SERVING), None),
        ((Stage.HANDSHAKE, Stage.SERVING, Stage.UPGRADED), None),
        ((Stage.CLOSING,), at(1 + LIMITS.closing_seconds)),
        ((Stage.CLOSING, Stage.CLOSING), at(1 + LIMITS.closing_seconds)),
    ],
)
def test_each_stage_has_its_deadline(stages: tuple[Stage, ...], deadline: Instant | None) -> None:
    assert entered(*stages).deadline() == deadline


def test_every_stage_leads_on_and_ends_by_closing() -> None:
    assert set(NEXT) == set(Stage)
    assert all(Stage.CLOSING in following for following in NEXT.values())


def test_a_stage_is_not_entered_from_everywhere() -> None:
    with pytest.raises(AssertionError):
        entered(Stage.SERVING)
    with pytest.raises(AssertionError):
        entered(Stage.CLOSING, Stage.HANDSHAKE)


def test_a_timeout_before_the_first_request_is_a_refusal() -> None:
    assert TIMEOUTS == {
        Stage.GREETING: Refusal.GREETING_TIMEOUT,
        Stage.HANDSHAKE: Refusal.HANDSHAKE_TIMEOUT,
    }


def test_every_limit_is_positive() -> None:
    for each in fields(LIMITS):
        value = getattr(LIMITS, each.name)
        numbers = (value.least_bytes, value.seconds) if isinstance(value, PaceRule) else (value,)
        assert all(number > 0 for number in numbers), each.name


def check_pace(*readings: tuple[int, int, float]) -> list[bool]:
    pace = AnswerPace(PaceRule(100, 10.0))
    return [pace.is_too_slow(written, waiting, at(when)) for written, waiting, when in readings]


def test_a_reader_without_anything_to_read_is_not_slow() -> None:
    assert check_pace((0, 0, 0), (500, 0, 100), (500, 0, 1_000)) == [False] * 3


def test_a_reader_that_stands_still_is_too_slow() -> None:
    assert check_pace((500, 500, 0), (500, 500, 9), (500, 500, 10)) == [False, False, True]


def test_a_reader_that_takes_enough_in_each_window_is_not() -> None:
    readings = [(5_000, 5_000 - 10 * second, float(second)) for second in range(200)]
    assert not any(check_pace(*readings))


def test_what_was_taken_before_pays_for_no_standstill() -> None:
    readings = ((9_000, 9_000, 0.0), (9_000, 100, 1.0), (9_000, 100, 10.9), (9_000, 100, 11.0))
    assert check_pace(*readings) == [False, False, False, True]


def test_a_refusal_is_reported_at_once_and_then_once_a_minute() -> None:
    reports = RefusalReports()
    full = Refusal.FULL
    assert reports.record(full, "a", at(0)) == RefusalReport(full, 1, "a")
    assert [reports.record(full, "b", at(second)) for second in (1, 30, 59)] == [None] * 3
    assert reports.record(Refusal.MALFORMED, "c", at(59)) == RefusalReport(
        Refusal.MALFORMED, 1, "c"
    )
    assert reports.record(full, "d", at(60)) == RefusalReport(full, 4, "d")
