"""HTTP of webhooks beyond the configuration: a webhook's secret and its deliveries' progress."""

from typing import Annotated

from fastapi import APIRouter, Depends

from services.gateway.access.callers import TheCaller
from services.gateway.configuration.webhooks import Webhooks
from services.gateway.core.roles import Action
from services.gateway.http.bodies import DecodedRoute
from services.gateway.http.provided import provided
from shared.api.model import Name
from shared.api.webhooks import WebhookSecret
from shared.domain.webhook import WebhookProgress

router = APIRouter(prefix="/webhooks", tags=["configuration"], route_class=DecodedRoute)

TheWebhooks = Annotated[Webhooks, Depends(provided(Webhooks))]


@router.get("/{name}/secret")
async def read_secret(name: Name, webhooks: TheWebhooks, caller: TheCaller) -> WebhookSecret:
    """Return the secret to give to the receiver; only an administrator sees it."""
    caller.require(Action.CONFIGURE)
    return WebhookSecret(webhook=name, secret=await webhooks.secret(name))


@router.get("/{name}/progress")
async def read_progress(name: Name, webhooks: TheWebhooks, caller: TheCaller) -> WebhookProgress:
    """Return how far a webhook's deliveries are, and why they are no further."""
    caller.require(Action.READ)
    return await webhooks.progress(name)
