"""What becomes of an event after an attempt, and what is told of it."""

import pytest

from services.webhooks.core.course import Course
from services.webhooks.core.delivery import (
    ATTEMPTS,
    Again,
    Answer,
    Delivered,
    GaveUp,
    Verdict,
    verdict,
)
from services.webhooks.core.places import abandoned, place_of
from shared.documents.webhook import WebhookDocument
from shared.domain.ids import UnixMillis

DAY = 86_400.0
SILENCE = Answer(None, "no answer within 15 s")
NOON = UnixMillis(1_777_888_800_000)


@pytest.mark.parametrize("status", [200, 201, 202, 204, 299])
def test_a_success_is_a_delivery_however_late(status: int) -> None:
    assert verdict(Answer(status), 90, 10 * DAY, DAY) == Delivered()


@pytest.mark.parametrize(
    ("answer", "cause"),
    [
        (SILENCE, "no answer within 15 s"),
        (Answer(None), "no answer"),
        (Answer(500), "it answers 500"),
        (Answer(404), "it answers 404"),
        (Answer(410), "it answers 410"),
        (Answer(302), "it redirects, and redirects are not followed: set that url"),
        (
            Answer(301, location="https://b.example/"),
            "it redirects to https://b.example/, and redirects are not followed: set that url",
        ),
    ],
)
def test_anything_else_is_tried_again_and_says_why(answer: Answer, cause: str) -> None:
    assert verdict(answer, 1, 0.0, DAY) == Again(1.0, cause)


def test_the_pauses_double_until_five_minutes() -> None:
    pauses = [
        decided.seconds
        for attempt in range(1, 2_000)
        if isinstance(decided := verdict(SILENCE, attempt, 0.0, DAY), Again)
    ]

    assert pauses[:10] == [1, 2, 4, 8, 16, 32, 64, 128, 256, ATTEMPTS.longest_seconds]
    assert set(pauses[10:]) == {ATTEMPTS.longest_seconds}


def test_an_hour_of_500_ends_in_a_delivery_or_in_giving_up_but_never_in_silence() -> None:
    for limit, expected in ((3_600.0, GaveUp), (7_200.0, Delivered)):
        age, attempt = 0.0, 1
        while isinstance(
            decided := verdict(Answer(500 if age < 3_600 else 200), attempt, age, limit), Again
        ):
            age, attempt = age + decided.seconds, attempt + 1
        assert isinstance(decided, expected)
        assert age <= limit
        assert 18 <= attempt <= 24


def test_what_was_too_old_from_the_start_is_tried_once() -> None:
    late = verdict(Answer(503), 1, 2 * DAY, DAY)

    assert late == GaveUp("not delivered within 24 h and 1 attempts: it answers 503")


def test_a_change_is_told_once_and_a_failure_is_kept_with_its_cause() -> None:
    course = Course()
    steps: list[Verdict] = [Delivered(), Again(1, "it answers 500"), Again(2, "silent")]
    steps += [GaveUp("x"), Delivered()]

    changed = [course.note(step, number, NOON) for number, step in enumerate(steps, 1)]

    assert changed == [False, True, False, False, True]
    assert (course.is_failing, course.attempts, course.cause) == (False, 0, "")
    assert course.last_delivered == NOON

    course.note(Again(1, "it answers 500"), 7, NOON)
    assert (course.is_failing, course.attempts, course.cause) == (True, 7, "it answers 500")


def test_a_place_is_the_webhooks_own_and_another_beginning_is_another_place() -> None:
    plain = WebhookDocument(url="https://a.example/")
    begun = WebhookDocument.model_validate(
        {"url": "https://a.example/", "since": "2026-05-04T10:00:00Z"}
    )
    elsewhere = WebhookDocument(url="https://b.example/", events=("node.>",))

    assert len({place_of("a", plain), place_of("b", plain), place_of("a", begun)}) == 3
    assert place_of("a", elsewhere) == place_of("a", plain), "the place is kept when the rest moves"
    assert place_of("x y/ü.>*", plain).replace("webhook-", "").isalnum()


def test_only_places_of_webhooks_are_ever_abandoned() -> None:
    there = ["my-tool", "webhook-1", "webhook-2", "webhook-3"]

    assert abandoned(there, ["webhook-2", "webhook-9"]) == ["webhook-1", "webhook-3"]


def test_a_cause_that_a_receiver_wrote_has_at_most_500_characters() -> None:
    elsewhere = verdict(Answer(302, location="https://a.example/" + "x" * 9_000), 1, 0, 3_600)
    silent = verdict(Answer(None, "illegal header line: " + "y" * 9_000), 1, 0, 3_600)
    for each in (elsewhere, silent):
        assert isinstance(each, Again)
        assert len(each.cause) == 500
