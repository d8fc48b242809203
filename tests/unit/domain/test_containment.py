import pytest

from shared.domain.containment import (
    LONGEST_CAUSE,
    cause_of,
    describe_error,
    ends_process,
    shorten,
)
from shared.domain.errors import BadSettings, Unavailable


@pytest.mark.parametrize("error", [AssertionError("ours"), BadSettings("no key")])
def test_a_broken_invariant_and_a_bad_setting_end_the_process(error: Exception) -> None:
    assert ends_process(error)
    assert ends_process(ExceptionGroup("a task failed", [OSError(), error]))


@pytest.mark.parametrize(
    "error", [OverflowError("port"), RecursionError(), Unavailable("later"), UnicodeError("idna")]
)
def test_what_somebody_else_caused_ends_no_process(error: Exception) -> None:
    assert not ends_process(error)
    assert not ends_process(ExceptionGroup("tasks failed", [error]))


def test_a_cause_is_a_sentence_or_names_what_it_was() -> None:
    assert cause_of(Unavailable("the log does not answer")) == "the log does not answer"
    assert cause_of(OverflowError("port must be 0-65535")) == "OverflowError: port must be 0-65535"
    assert cause_of(RecursionError()) == "RecursionError"


def test_an_error_without_words_is_described_by_its_type() -> None:
    assert describe_error(TimeoutError()) == "TimeoutError"
    assert describe_error(OSError("no route")) == "no route"


def test_a_cause_has_at_most_500_characters() -> None:
    assert LONGEST_CAUSE == 500
    assert shorten("x" * 500) == "x" * 500
    assert shorten("x" * 501) == "x" * 499 + "\u2026"
    assert len(cause_of(ValueError("y" * 10_000))) == 500
