"""How a writer that failed tries again, and what it says of that."""

import pytest

from services.config.core.failed_turns import LOG_RETRIES, STORE_RETRIES, FailedTurns
from shared.domain.errors import (
    LogUnavailable,
    MeridianError,
    NotPrimary,
    OutcomeUnknown,
    StoreUnavailable,
)
from shared.domain.ids import Revision
from shared.domain.refusal import StoreRefused

AT = Revision(7)
A = StoreUnavailable("a")


def test_one_cause_is_one_line_until_an_entry_was_committed() -> None:
    failed = FailedTurns()
    assert failed.are_over
    assert [failed.record_failure(StoreUnavailable(cause), AT) for cause in "aabab"] == [
        1,
        0,
        1,
        0,
        0,
    ]
    assert not failed.record_success(AT), "to have begun again is no commit"
    assert not failed.record_failure(A, AT)
    assert failed.record_success(Revision(AT + 1))
    assert failed.are_over
    assert not failed.record_success(Revision(AT + 2)), "what is over ends once"
    assert failed.record_failure(A, AT)


def test_a_role_that_ended_takes_its_failures_along() -> None:
    failed = FailedTurns()
    failed.record_failure(A, AT)
    failed.restart()
    assert failed.are_over
    assert failed.record_failure(A, AT)


@pytest.mark.parametrize(
    ("error", "first", "longest"),
    [
        (StoreUnavailable("x"), STORE_RETRIES.first_seconds, STORE_RETRIES.longest_seconds),
        (StoreRefused("x"), STORE_RETRIES.first_seconds, STORE_RETRIES.longest_seconds),
        (LogUnavailable("x"), LOG_RETRIES.first_seconds, LOG_RETRIES.longest_seconds),
    ],
)
def test_pauses_grow_and_those_for_the_log_stay_short(
    error: MeridianError, first: float, longest: float
) -> None:
    failed, pauses = FailedTurns(), list[float]()
    for _ in range(20):
        failed.record_failure(error, AT)
        pauses.append(failed.pause_seconds(error))
    assert (pauses[0], pauses[-1]) == (first, longest)
    assert pauses == sorted(pauses)
    failed.record_success(Revision(AT + 1))
    failed.record_failure(error, AT)
    assert failed.pause_seconds(error) == first


@pytest.mark.parametrize(
    ("error", "is_of_log"),
    [
        (StoreUnavailable("x"), False),
        (StoreRefused("x"), False),
        (NotPrimary("x"), False),
        (LogUnavailable("x"), True),
        (OutcomeUnknown("x"), True),
    ],
)
def test_a_failure_of_the_log_is_known_as_such(error: MeridianError, is_of_log: bool) -> None:
    failed = FailedTurns()
    failed.record_failure(error, AT)
    assert failed.is_of_log is is_of_log
    failed.restart()
    assert not failed.is_of_log
