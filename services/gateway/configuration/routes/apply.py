"""HTTP of an apply: the whole configuration at once, and the longest body that the site takes."""

from fastapi import APIRouter

from services.gateway.access.callers import TheCaller
from services.gateway.access.signed_in_bodies import SiteBody
from services.gateway.configuration.core import Edit
from services.gateway.configuration.routes.documents import TheEditor, shown_change
from services.gateway.core.roles import Action
from services.gateway.http.requests import TheRequestId
from shared.api.documents import ApplyRequest, ApplyResult

router = APIRouter(tags=["configuration"], route_class=SiteBody)


@router.post("/apply")
async def apply(
    body: ApplyRequest, editor: TheEditor, caller: TheCaller, request_id: TheRequestId
) -> ApplyResult:
    """Make the configuration what the body says; `dry_run` only lists the changes."""
    caller.require(Action.READ if body.dry_run else Action.CONFIGURE)
    changes, revision = await editor.apply(body, Edit(caller.user, request_id))
    return ApplyResult(changes=tuple(map(shown_change, changes)), revision=revision)
