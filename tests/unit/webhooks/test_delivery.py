"""What becomes of an event after an attempt, and what is reported."""

import pytest

from services.webhooks.core.consumers import consumer_name, orphaned_consumers
from services.webhooks.core.delivery import (
    ATTEMPTS,
    Delivered,
    GiveUp,
    Response,
    Retry,
    Verdict,
    decide,
)
from services.webhooks.core.status import DeliveryStatus
from shared.documents.webhook import WebhookDocument
from shared.domain.ids import UnixMillis

DAY = 86_400.0
SILENCE = Response(None, "no answer within 15 s")
NOON = UnixMillis(1_777_888_800_000)


@pytest.mark.parametrize("status", [200, 201, 202, 204, 299])
def test_a_success_is_a_delivery_however_late(status: int) -> None:
    assert decide(Response(status), 90, 10 * DAY, DAY) == Delivered()


@pytest.mark.parametrize(
    ("response", "cause"),
    [
        (SILENCE, "no answer within 15 s"),
        (Response(None), "no answer"),
        (Response(500), "it answers 500"),
        (Response(404), "it answers 404"),
        (Response(410), "it answers 410"),
        (Response(302), "it redirects, and redirects are not followed: set that url"),
        (
            Response(301, location="https://b.example/"),
            "it redirects to https://b.example/, and redirects are not followed: set that url",
        ),
    ],
)
def test_anything_else_is_retried_with_its_cause(response: Response, cause: str) -> None:
    assert decide(response, 1, 0.0, DAY) == Retry(1.0, cause)


def test_the_pauses_double_until_five_minutes() -> None:
    pauses = [
        decided.seconds
        for attempt in range(1, 2_000)
        if isinstance(decided := decide(SILENCE, attempt, 0.0, DAY), Retry)
    ]

    assert pauses[:10] == [1, 2, 4, 8, 16, 32, 64, 128, 256, ATTEMPTS.longest_seconds]
    assert set(pauses[10:]) == {ATTEMPTS.longest_seconds}


def test_an_hour_of_500_ends_in_a_delivery_or_in_giving_up_but_never_in_silence() -> None:
    for limit, expected in ((3_600.0, GiveUp), (7_200.0, Delivered)):
        age, attempt = 0.0, 1
        while isinstance(
            decided := decide(Response(500 if age < 3_600 else 200), attempt, age, limit), Retry
        ):
            age, attempt = age + decided.seconds, attempt + 1
        assert isinstance(decided, expected)
        assert age <= limit
        assert 18 <= attempt <= 24


def test_what_was_too_old_from_the_start_is_attempted_once() -> None:
    late = decide(Response(503), 1, 2 * DAY, DAY)

    assert late == GiveUp("not delivered within 24 h and 1 attempts: it answers 503")


def test_a_change_is_reported_once_and_a_failure_keeps_its_cause() -> None:
    status = DeliveryStatus()
    steps: list[Verdict] = [Delivered(), Retry(1, "it answers 500"), Retry(2, "silent")]
    steps += [GiveUp("x"), Delivered()]

    changed = [status.record(step, number, NOON) for number, step in enumerate(steps, 1)]

    assert changed == [False, True, False, False, True]
    assert (status.is_failing, status.attempts, status.cause) == (False, 0, "")
    assert status.last_delivered == NOON

    status.record(Retry(1, "it answers 500"), 7, NOON)
    assert (status.is_failing, status.attempts, status.cause) == (True, 7, "it answers 500")


def test_a_consumer_belongs_to_one_webhook_and_one_beginning() -> None:
    plain = WebhookDocument(url="https://a.example/")
    begun = WebhookDocument.model_validate(
        {"url": "https://a.example/", "since": "2026-05-04T10:00:00Z"}
    )
    elsewhere = WebhookDocument(url="https://b.example/", events=("node.>",))

    assert (
        len({consumer_name("a", plain), consumer_name("b", plain), consumer_name("a", begun)}) == 3
    )
    assert consumer_name("a", elsewhere) == consumer_name("a", plain), (
        "the name stays when other fields change"
    )
    assert consumer_name("x y/ü.>*", plain).replace("webhook-", "").isalnum()


def test_only_consumers_of_webhooks_are_ever_orphaned() -> None:
    there = ["my-tool", "webhook-1", "webhook-2", "webhook-3"]

    assert orphaned_consumers(there, ["webhook-2", "webhook-9"]) == ["webhook-1", "webhook-3"]


def test_a_cause_that_a_receiver_wrote_has_at_most_500_characters() -> None:
    elsewhere = decide(Response(302, location="https://a.example/" + "x" * 9_000), 1, 0, 3_600)
    silent = decide(Response(None, "illegal header line: " + "y" * 9_000), 1, 0, 3_600)
    for each in (elsewhere, silent):
        assert isinstance(each, Retry)
        assert len(each.cause) == 500
