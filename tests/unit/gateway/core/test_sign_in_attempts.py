"""Which sign-ins are admitted, and how long their answers wait."""

from contextlib import suppress

import pytest

from services.gateway.core.sign_in_attempts import (
    PLACES,
    WRONG_PASSWORDS,
    Attempt,
    Outcome,
    SignInAttempts,
)
from shared.domain.errors import TooManyAttempts, TooManySignIns
from shared.domain.ids import Instant

HOME, NEIGHBOUR, OUTSIDE = "192.0.2.7", "192.0.2.8", "198.51.100.9"
NOW = Instant(1_000.0)


def ended(
    attempts: SignInAttempts, user: str, address: str, outcome: Outcome, now: Instant = NOW
) -> Attempt:
    attempt = attempts.take(user, address, now)
    attempts.end(attempt, outcome, now)
    return attempt


def at_home() -> SignInAttempts:
    """Attempts of a gateway where rita signed in from home."""
    attempts = SignInAttempts()
    ended(attempts, "rita", HOME, Outcome.RIGHT)
    return attempts


def outsiders_guess(attempts: SignInAttempts, user: str, count: int) -> list[float]:
    """Guess *count* times at the password of *user*, each time from another network."""
    addresses = [f"203.0.{number // 250}.{number % 250}" for number in range(count)]
    return [ended(attempts, user, each, Outcome.WRONG).wait_seconds for each in addresses]


def test_failures_of_a_user_count_from_every_network_together() -> None:
    delays = outsiders_guess(SignInAttempts(), "rita", 11)

    assert delays == pytest.approx([0, 0, 0, 0, 0.1, 0.2, 0.4, 0.8, 1.6, 3, 3])


def test_failures_at_home_count_for_who_guesses_outside() -> None:
    attempts = at_home()
    for _ in range(4):
        ended(attempts, "rita", HOME, Outcome.WRONG)

    assert attempts.take("rita", OUTSIDE, NOW).wait_seconds == pytest.approx(0.1)


def test_an_unknown_network_waits_whether_the_password_is_right_or_wrong() -> None:
    attempts = at_home()
    outsiders_guess(attempts, "rita", 50)

    assert ended(attempts, "rita", OUTSIDE, Outcome.RIGHT).wait_seconds == 3


def test_a_network_from_which_the_user_signed_in_before_never_waits() -> None:
    attempts = at_home()
    outsiders_guess(attempts, "rita", 50)

    assert ended(attempts, "rita", HOME, Outcome.WRONG).wait_seconds == 0
    assert attempts.take("rita", NEIGHBOUR, NOW).wait_seconds == 3


def test_a_network_that_one_user_knows_is_not_known_for_another() -> None:
    attempts = at_home()
    outsiders_guess(attempts, "anna", 50)

    assert attempts.take("anna", HOME, NOW).wait_seconds == 3


def test_a_right_password_gives_nobody_free_guesses_elsewhere() -> None:
    attempts = at_home()
    for _ in range(10):
        outsiders_guess(attempts, "rita", 5)
        ended(attempts, "rita", HOME, Outcome.RIGHT)

    assert attempts.take("rita", OUTSIDE, NOW).wait_seconds == 3


@pytest.mark.parametrize("outcome", [Outcome.RIGHT, Outcome.UNKNOWN])
def test_what_was_no_wrong_password_is_given_back(outcome: Outcome) -> None:
    attempts = SignInAttempts()
    for _ in range(10 * WRONG_PASSWORDS):
        assert ended(attempts, "rita", HOME, outcome).wait_seconds == 0

    assert attempts.take("rita", OUTSIDE, NOW).wait_seconds == 0


def test_an_unknown_outcome_makes_no_network_known() -> None:
    attempts = SignInAttempts()

    ended(attempts, "rita", HOME, Outcome.UNKNOWN)

    assert not attempts.take("rita", HOME, NOW).is_known


def test_attempts_at_the_same_time_count_before_any_of_them_ends() -> None:
    attempts = SignInAttempts()
    for _ in range(WRONG_PASSWORDS):
        attempts.take("rita", OUTSIDE, NOW)

    with pytest.raises(
        TooManyAttempts, match=r"wrong passwords came from 198\.51\.100\.9"
    ) as caught:
        attempts.take("rita", OUTSIDE, NOW)
    assert caught.value.attributes["retry_after_seconds"] == 3


def test_names_without_end_do_not_multiply_the_limit_of_a_network() -> None:
    attempts = SignInAttempts()
    for name in ("rita", "Rita", "RITA", " rita", "rita ", "ri\u0301ta", "r\u00edta"):
        for _ in range(2):
            ended(attempts, name, OUTSIDE, Outcome.WRONG)
    for number in range(WRONG_PASSWORDS - 14):
        ended(attempts, f"name {number}", OUTSIDE, Outcome.WRONG)

    with pytest.raises(TooManyAttempts):
        attempts.take("one more", OUTSIDE, NOW)


def test_a_neighbour_in_the_same_48_locks_no_known_network_out() -> None:
    attempts = SignInAttempts()
    ended(attempts, "rita", "2001:db8:7:1::1", Outcome.RIGHT)
    for number in range(10 * WRONG_PASSWORDS):
        ended(attempts, "rita", f"2001:db8:7:{number + 16:x}::1", Outcome.WRONG)
    with pytest.raises(TooManyAttempts, match=r"from 2001:db8:7::/48"):
        attempts.take("rita", "2001:db8:7:2::1", NOW)

    assert attempts.take("rita", "2001:db8:7:1::2", NOW).wait_seconds == 0


def test_who_guesses_at_others_behind_the_same_address_locks_no_known_user_out() -> None:
    attempts = at_home()
    for number in range(WRONG_PASSWORDS):
        ended(attempts, f"user {number}", HOME, Outcome.WRONG)
    with pytest.raises(TooManyAttempts):
        attempts.take("somebody", HOME, NOW)

    assert attempts.take("rita", HOME, NOW).wait_seconds == 0


def test_a_known_network_has_a_limit_of_its_own() -> None:
    attempts = at_home()
    for _ in range(WRONG_PASSWORDS):
        ended(attempts, "rita", HOME, Outcome.WRONG)

    with pytest.raises(TooManyAttempts, match=r"came from 192\.0\.2\.7; try again in 3 s"):
        attempts.take("rita", HOME, NOW)


def fill_places(attempts: SignInAttempts) -> None:
    """Begin sign-ins from ever new networks until all places are taken."""
    for number in range(PLACES):
        attempts.take("rita", f"203.0.113.{number}", NOW)


def test_the_number_of_waiting_answers_is_bounded() -> None:
    attempts = SignInAttempts()
    fill_places(attempts)

    with pytest.raises(TooManySignIns, match=r"try again in 2 s") as caught:
        attempts.take("anna", OUTSIDE, NOW)
    assert caught.value.attributes["retry_after_seconds"] == 2


def test_whoever_fills_the_waiting_places_keeps_no_known_network_out() -> None:
    attempts = at_home()
    fill_places(attempts)

    assert attempts.take("rita", HOME, NOW).wait_seconds == 0


def test_an_attempt_that_got_no_place_is_not_counted() -> None:
    attempts = SignInAttempts()
    first = attempts.take("rita", "203.0.113.0", NOW)
    for number in range(1, PLACES):
        attempts.take("rita", f"203.0.113.{number}", NOW)
    for _ in range(3 * WRONG_PASSWORDS):
        with pytest.raises(TooManySignIns):
            attempts.take("anna", OUTSIDE, NOW)

    attempts.end(first, Outcome.WRONG, NOW)

    assert attempts.take("anna", OUTSIDE, NOW).wait_seconds == 0


def test_a_single_48_cannot_fill_the_waiting_places() -> None:
    attempts = SignInAttempts()
    for number in range(PLACES):
        with suppress(TooManySignIns):
            attempts.take("rita", f"2001:db8:7:{number:x}::1", NOW)

    assert attempts.take("rita", OUTSIDE, NOW).wait_seconds == 3


def test_everybody_in_a_large_known_network_may_sign_in_at_once() -> None:
    attempts = SignInAttempts()
    users = [f"user {number}" for number in range(PLACES)]
    for user in users:
        ended(attempts, user, HOME, Outcome.RIGHT)

    waits = [attempts.take(user, HOME, NOW).wait_seconds for user in users]

    assert waits == [0] * PLACES


def test_users_and_networks_without_end_free_nobody_who_guesses() -> None:
    attempts = SignInAttempts()
    for _ in range(WRONG_PASSWORDS):
        ended(attempts, "rita", OUTSIDE, Outcome.WRONG)
    for number in range(12_000):
        ended(attempts, f"name {number}", f"2001:db8:{number:x}::1", Outcome.WRONG)

    with pytest.raises(TooManyAttempts):
        attempts.take("rita", OUTSIDE, NOW)
    assert attempts.take("rita", NEIGHBOUR, NOW).wait_seconds == 3
    assert attempts.take("anna", NEIGHBOUR, NOW).wait_seconds == 0
