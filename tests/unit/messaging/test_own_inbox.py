"""Which reply subjects a live message may carry, and which subscriptions answer at all."""

from typing import Any

import pytest

from shared.domain.errors import BadSignature
from shared.domain.ids import NodeId
from shared.events import CATALOGUE
from shared.events.message import Done, Event, Request
from shared.events.relay import DrainNode
from shared.messaging.replies import require_own_inbox
from shared.messaging.subscription import subscription

SENDER = "alpha.gateway.1a2b"
INBOX = f"_INBOX.{SENDER}"
REQUESTS: list[type[Event]] = [each for each in CATALOGUE if issubclass(each, Request)]
UNANSWERED = [
    each for each in CATALOGUE if not issubclass(each, Request) and not each.subject.stored
]
STORED = [each for each in CATALOGUE if each.subject.stored]
HOSTILE = [
    "$JS.API.STREAM.DELETE.LOG-1",
    "$JS.API.STREAM.PURGE.LOG-1",
    "$JS.ACK.LOG-1.a.1.1.1.1.0",
    "$KV.lease.primary",
    "$O.SNAPSHOTS.C.1",
    "meridian.log.1.entry",
    "meridian.session.s.state",
    "meridian.event.node.state_changed",
    "_INBOX",
    "_INBOX.",
    INBOX,
    f"{INBOX}c.1",
    "_INBOX.alpha.gateway.1a2.b",
    "_INBOX.bravo.gateway.1a2b.1",
    "_INBOX_alpha_gateway_1a2b.1",
    "_R_",
    "_R.1",
    f" {INBOX}.1",
]
OWN = [f"{INBOX}.1", f"{INBOX}.1.2", "_R_.abc"]


def refused(message: type[Event], reply: str) -> bool:
    try:
        require_own_inbox(message, SENDER, reply)
    except BadSignature as error:
        return error.attributes["reason"] == "bad_reply" and reply in error.message
    return False


@pytest.mark.parametrize("message", UNANSWERED)
def test_what_is_not_answered_may_carry_no_reply_subject_at_all(message: type[Event]) -> None:
    assert [reply for reply in (*HOSTILE, *OWN) if not refused(message, reply)] == []
    assert not refused(message, "")


@pytest.mark.parametrize("message", REQUESTS)
def test_a_request_is_answered_at_its_senders_inbox_and_nowhere_else(message: type[Event]) -> None:
    assert [reply for reply in HOSTILE if not refused(message, reply)] == []
    assert [reply for reply in ("", *OWN) if refused(message, reply)] == []


def test_a_report_repeats_little_of_what_a_stranger_chose() -> None:
    with pytest.raises(BadSignature) as caught:
        require_own_inbox(UNANSWERED[0], SENDER, "\u202e" + "x" * 10_000)

    assert caught.value.message.isascii()
    assert len(caught.value.message) < 200


@pytest.mark.parametrize("message", STORED)
def test_what_jetstream_delivers_comes_with_jetstreams_own_reply_subject(
    message: type[Event],
) -> None:
    assert not refused(message, "$JS.ACK.EVENTS.webhook.1.2.3.4.0")


async def _silent(_: Any) -> None:
    """Hears something and says nothing."""


async def _answering(_: Any) -> Done:
    return Done()


@pytest.mark.parametrize("message", CATALOGUE)
def test_a_handler_answers_exactly_when_the_message_is_a_request(message: type[Event]) -> None:
    is_request = issubclass(message, Request)
    right, wrong = (_answering, _silent) if is_request else (_silent, _answering)

    subscription(message, right)
    with pytest.raises(AssertionError, match=message.__name__):
        subscription(message, wrong)


@pytest.mark.parametrize("message", CATALOGUE)
def test_only_a_request_is_subscribed_to_with_answers(message: type[Event]) -> None:
    is_request = issubclass(message, Request)
    made = subscription(message, _answering if is_request else _silent)

    assert made.kwargs["no_reply"] is not is_request
    assert made.kwargs["subject"] == message.subject.wildcard


def test_a_subscription_may_be_to_one_node() -> None:
    made = subscription(DrainNode, _answering, node=NodeId("berlin"))

    assert made.kwargs["subject"] == "meridian.relay.berlin.drain"
