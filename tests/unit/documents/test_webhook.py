"""What a webhook may say."""

from typing import Any

import pytest
from pydantic import ValidationError

from shared.documents.body import WRITING
from shared.documents.webhook import WebhookDocument

URL = "https://chat.example.com/hooks/7?channel=ops"


def webhook(**body: Any) -> WebhookDocument:
    return WebhookDocument.model_validate({"url": URL, **body}, context=WRITING)


def test_it_gets_every_event_from_now_on_unless_it_says_otherwise() -> None:
    plain = webhook()

    assert (plain.url, plain.subjects) == (URL, ("meridian.event.>",))
    assert (plain.enabled, plain.since, plain.give_up_after_hours) == (True, None, 72)


def test_patterns_are_subjects_with_or_without_what_all_begin_with() -> None:
    chosen = webhook(events=["failover.>", "meridian.event.*.changed"])

    assert chosen.events == ("failover.>", "*.changed")
    assert chosen.subjects == ("meridian.event.failover.>", "meridian.event.*.changed")


@pytest.mark.parametrize(
    ("body", "sentence"),
    [
        ({"url": "chat.example.com"}, "begin with https:// or http://"),
        ({"url": "ftp://example.com/x"}, "begin with https:// or http://"),
        ({"url": "https://"}, "begin with https:// or http://"),
        ({"url": "https://me:word@example.com/"}, "no user, password or fragment"),
        ({"url": "https://example.com/#part"}, "no user, password or fragment"),
        ({"events": []}, "at least 1 item"),
        ({"events": ["failover.>.x"]}, "is no pattern of events"),
        ({"events": ["fail over"]}, "is no pattern of events"),
        ({"events": [""]}, "is no pattern of events"),
        ({"events": ["node.>", "node.>"]}, "names 'node.>' twice"),
        ({"events": [">", "node.>"]}, "stands alone"),
        ({"give_up_after_hours": 0}, "greater than or equal to 1"),
        ({"give_up_after_hours": 169}, "less than or equal to 168"),
        ({"since": "2026-05-04T10:00:00"}, "timezone"),
        ({"secret": "mine"}, "Extra inputs are not permitted"),
    ],
)
def test_what_is_wrong_is_reported(body: dict[str, Any], sentence: str) -> None:
    with pytest.raises(ValidationError, match=sentence):
        webhook(**body)
