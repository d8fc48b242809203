import pytest

from services.gateway.core.rate_limit import KEYS_KEPT, RateLimit
from shared.domain.errors import TooManyAttempts
from shared.domain.ids import Instant


def at(seconds: float) -> Instant:
    return Instant(seconds)


def wrong_three_times() -> RateLimit:
    limited = RateLimit(limit=3, window_seconds=60.0)
    for second in (0, 10, 20):
        limited.require("rita", at(second))
        limited.count("rita", at(second))
    return limited


def test_the_attempt_after_the_last_allowed_failure_is_refused() -> None:
    with pytest.raises(TooManyAttempts) as caught:
        wrong_three_times().require("rita", at(21))

    assert caught.value.attributes["retry_after_seconds"] == 39


def test_a_key_may_try_again_when_its_oldest_failure_has_left_the_window() -> None:
    wrong_three_times().require("rita", at(60))


def test_one_key_does_not_lock_another() -> None:
    wrong_three_times().require("anna", at(21))


def test_success_forgets_the_failures() -> None:
    limited = wrong_three_times()

    limited.forget("rita")

    limited.require("rita", at(21))


def test_memory_is_bounded_by_forgetting_the_oldest_key() -> None:
    limited = RateLimit(limit=1, window_seconds=1e9)
    for number in range(KEYS_KEPT + 1):
        limited.count(f"key-{number}", at(0))

    limited.require("key-0", at(1))
    with pytest.raises(TooManyAttempts):
        limited.require("key-1", at(1))
