from dataclasses import replace

import pytest

from clients.tunnel.resume import RESUME, RESUMED, ResumeAttempt
from shared.domain.ids import PathGeneration, SessionId
from shared.domain.node import Side

SECRET = bytes(range(32))
NONCE, ANSWER = b"n" * 32, b"a" * 32
ATTEMPT = ResumeAttempt(SessionId("4821739"), PathGeneration(3), 5, NONCE)
OTHERS = [
    replace(ATTEMPT, session=SessionId("4821730")),
    replace(ATTEMPT, generation=PathGeneration(4)),
    replace(ATTEMPT, number=6),
    replace(ATTEMPT, nonce=b"m" * 32),
]


def test_an_attempt_proves_the_secret() -> None:
    number, nonce, mac = RESUME.unpack(ATTEMPT.offer(SECRET))
    assert (number, nonce) == (5, NONCE)
    assert ATTEMPT.is_proven(SECRET, mac)
    assert not ATTEMPT.is_proven(bytes(32), mac)


def test_an_answer_proves_the_secret_and_both_nonces() -> None:
    nonce, mac = RESUMED.unpack(ATTEMPT.answer(SECRET, ANSWER))
    assert nonce == ANSWER
    assert ATTEMPT.is_answered(SECRET, ANSWER, mac)
    assert not ATTEMPT.is_answered(SECRET, b"b" * 32, mac)
    assert not ATTEMPT.is_answered(bytes(32), ANSWER, mac)


def test_an_offer_is_no_answer() -> None:
    _, _, mac = RESUME.unpack(ATTEMPT.offer(SECRET))
    assert not ATTEMPT.is_answered(SECRET, NONCE, mac)


@pytest.mark.parametrize("other", OTHERS)
def test_what_proves_one_attempt_proves_no_other(other: ResumeAttempt) -> None:
    _, _, mac = RESUME.unpack(ATTEMPT.offer(SECRET))
    assert not other.is_proven(SECRET, mac)
    _, mac = RESUMED.unpack(ATTEMPT.answer(SECRET, ANSWER))
    assert not other.is_answered(SECRET, ANSWER, mac)


def test_every_attempt_direction_nonce_and_secret_has_keys_of_its_own() -> None:
    keys = [each.keys(SECRET, ANSWER).by_sender for each in (ATTEMPT, *OTHERS)]
    keys.append(ATTEMPT.keys(SECRET, b"b" * 32).by_sender)
    keys.append(ATTEMPT.keys(bytes(32), ANSWER).by_sender)
    assert len({key for each in keys for key in each.values()}) == 2 * len(keys)
    assert set(keys[0]) == set(Side)
