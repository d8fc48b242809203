import pytest

from services.gateway.core.sign_in_delay import (
    FORGIVEN_SECONDS,
    MOST_FAILURES,
    UserFailures,
    delay_seconds,
)
from shared.domain.ids import Instant


@pytest.mark.parametrize(
    ("failures", "seconds"),
    [
        *[(0, 0), (1, 0), (4, 0), (5, 0.1), (6, 0.2), (7, 0.4), (8, 0.8), (9, 1.6)],
        *[(10, 3), (11, 3), (20, 3), (10_000, 3)],
    ],
)
def test_from_the_fifth_failure_on_the_delay_doubles_up_to_three_seconds(
    failures: int, seconds: float
) -> None:
    assert delay_seconds(failures) == pytest.approx(seconds)


def test_attempts_at_the_same_time_wait_each_longer_than_the_one_before() -> None:
    failures = UserFailures()

    delays = [failures.take("rita", Instant(0.0)) for _ in range(12)]

    assert delays == pytest.approx([0, 0, 0, 0, 0.1, 0.2, 0.4, 0.8, 1.6, 3, 3, 3])
    assert failures.take("anna", Instant(0.0)) == 0


def test_a_right_password_takes_back_its_own_attempt_and_no_failure() -> None:
    failures = UserFailures()
    for _ in range(6):
        failures.take("rita", Instant(0.0))

    failures.give_back("rita", Instant(0.0), Instant(3.0))

    assert failures.take("rita", Instant(3.0)) == pytest.approx(0.2)


def test_failures_are_forgiven_one_by_one_and_all_within_an_hour() -> None:
    failures = UserFailures()
    for _ in range(10 * MOST_FAILURES):
        failures.take("rita", Instant(0.0))

    assert failures.take("rita", Instant(13 * FORGIVEN_SECONDS)) == pytest.approx(0.8)
    assert failures.take("rita", Instant(3_600.0 + 14 * FORGIVEN_SECONDS)) == 0
