"""What the configuration does not hold of a webhook: its secret, and how its deliveries go."""

from fastapi import APIRouter

from services.gateway.core.access import Action
from services.gateway.routes.bodies import DecodedRoute
from services.gateway.routes.door import TheCaller, TheDoor
from shared.api.webhooks import WebhookSecret
from shared.crypto.webhooks import shown_secret
from shared.documents import Kind
from shared.documents.webhook import WebhookDocument
from shared.domain.errors import NotFound
from shared.domain.webhook import WebhookProgress
from shared.events.webhook import ReadWebhooksProgress

router = APIRouter(prefix="/webhooks", tags=["configuration"], route_class=DecodedRoute)

READ_SECONDS = 5.0


@router.get("/{name}/secret")
async def read_secret(name: str, door: TheDoor, caller: TheCaller) -> WebhookSecret:
    """The secret to give to the receiver; only an administrator sees it."""
    caller.require(Action.CONFIGURE)
    found = await door.configuration.read(Kind.WEBHOOK, id_=name)
    for document in found.documents:
        number = WebhookDocument.model_validate(document.body).secret_number
        return WebhookSecret(webhook=name, secret=shown_secret(door.webhook_secret(name, number)))
    raise NotFound(f"there is no webhook {name!r}", kind=Kind.WEBHOOK, id=name)


@router.get("/{name}/progress")
async def read_progress(name: str, door: TheDoor, caller: TheCaller) -> WebhookProgress:
    """How far its deliveries are, and why they are no further."""
    caller.require(Action.READ)
    answer = await door.publisher.ask(ReadWebhooksProgress(), timeout_seconds=READ_SECONDS)
    for each in answer.webhooks:
        if each.webhook == name:
            return each
    raise NotFound(f"there is no enabled webhook {name!r}", kind=Kind.WEBHOOK, id=name)
