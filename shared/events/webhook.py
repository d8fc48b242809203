"""How the deliveries of webhooks go, and the way to ask."""

from enum import StrEnum
from typing import ClassVar

from shared.events.message import Event, Message, Request
from shared.events.subject import Subject


class WebhookState(StrEnum):
    """`failing` is tried again, less and less often, until it is done or its time is over."""

    DELIVERING = "delivering"
    FAILING = "failing"


class WebhookStateChanged(Event):
    """The receiver of *webhook* takes events again, or takes them no more, for *cause*."""

    subject: ClassVar = Subject(
        "meridian.event.webhook.state_changed", speakers=frozenset({"webhooks"}), stored=True
    )

    webhook: str
    state: WebhookState
    previous: WebhookState
    cause: str


class WebhookDeliveryFailed(Event):
    """The event *event_id* on *event_subject* will not be delivered to *webhook*, for *cause*."""

    subject: ClassVar = Subject(
        "meridian.event.webhook.delivery_failed", speakers=frozenset({"webhooks"}), stored=True
    )

    webhook: str
    event_subject: str
    event_id: str
    attempts: int
    cause: str


class WebhookProgress(Message):
    """How far the deliveries of one webhook are; *waiting* counts what is not delivered yet."""

    webhook: str
    state: WebhookState
    waiting: int | None = None
    attempts: int = 0
    cause: str = ""
    last_delivered_unix_ms: int | None = None


class WebhooksProgress(Message):
    """The webhooks that are enabled, by name."""

    webhooks: tuple[WebhookProgress, ...] = ()


class ReadWebhooksProgress(Request[WebhooksProgress]):
    """How the deliveries go; the primary's service answers, which is the one that delivers."""

    subject: ClassVar = Subject(
        "meridian.webhooks.progress",
        speakers=frozenset({"gateway"}),
        answered_by=frozenset({"webhooks"}),
    )
