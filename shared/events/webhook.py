"""The progress of webhooks' deliveries, and the way to ask for it."""

from typing import ClassVar

from shared.domain.webhook import WebhookProgress, WebhookState
from shared.events.message import Event, Message, Request
from shared.events.subject import Subject


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


class WebhooksProgress(Message):
    """The webhooks that are enabled, by name."""

    webhooks: tuple[WebhookProgress, ...] = ()


class ReadWebhooksProgress(Request[WebhooksProgress]):
    """Read how the deliveries go; the primary's service answers, which is the one that delivers."""

    subject: ClassVar = Subject(
        "meridian.webhooks.progress",
        speakers=frozenset({"gateway"}),
        answered_by=frozenset({"webhooks"}),
    )
