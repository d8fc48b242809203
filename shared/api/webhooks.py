"""The parts of a webhook outside the configuration: its secret, and its deliveries' progress."""

from pydantic import TypeAdapter

from shared.api.call import Call, path_of
from shared.api.model import ApiModel
from shared.domain.webhook import WebhookProgress


class WebhookSecret(ApiModel):
    """The secret that signs the deliveries of *webhook*."""

    webhook: str
    secret: str


def webhook_secret(name: str) -> Call[WebhookSecret]:
    """The secret to give to the receiver."""
    return Call("GET", path_of("webhooks", name, "secret"), TypeAdapter(WebhookSecret))


def webhook_progress(name: str) -> Call[WebhookProgress]:
    """Show how far the deliveries are, and why they are no further."""
    return Call("GET", path_of("webhooks", name, "progress"), TypeAdapter(WebhookProgress))
