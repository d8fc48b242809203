"""What the configuration does not hold of a webhook: its secret, and how its deliveries go."""

from typing import Annotated

from fastapi import APIRouter, Depends
from pydantic import BaseModel

from services.gateway.access.callers import TheCaller
from services.gateway.configuration.webhooks import Webhooks
from services.gateway.core.roles import Action
from services.gateway.http.bodies import DecodedRoute
from services.gateway.http.provided import provided
from shared.domain.webhook import WebhookProgress

router = APIRouter(prefix="/webhooks", tags=["configuration"], route_class=DecodedRoute)

TheWebhooks = Annotated[Webhooks, Depends(provided(Webhooks))]


class Secret(BaseModel):
    """What signs the deliveries of *webhook*."""

    webhook: str
    secret: str


@router.get("/{name}/secret")
async def read_secret(name: str, webhooks: TheWebhooks, caller: TheCaller) -> Secret:
    """The secret to give to the receiver; only an administrator sees it."""
    caller.require(Action.CONFIGURE)
    return Secret(webhook=name, secret=await webhooks.secret(name))


@router.get("/{name}/progress")
async def read_progress(name: str, webhooks: TheWebhooks, caller: TheCaller) -> WebhookProgress:
    """How far its deliveries are, and why they are no further."""
    caller.require(Action.READ)
    return await webhooks.progress(name)
