"""HTTP of rehearsals: what a setting would do to a population, before it is saved."""

from typing import Annotated

from fastapi import APIRouter, Depends

from services.gateway.access.callers import TheCaller
from services.gateway.access.signed_in_bodies import SiteBody
from services.gateway.core.roles import Action
from services.gateway.http.provided import provided
from services.gateway.placement.selector import SelectorClient
from shared.api.selection import RehearsalRequest, RehearsalResult
from shared.events.rehearsal import RehearsedClient, RehearseSelection

router = APIRouter(tags=["cluster"], route_class=SiteBody)

TheSelector = Annotated[SelectorClient, Depends(provided(SelectorClient))]


@router.post("/selection/rehearse")
async def rehearse(
    body: RehearsalRequest, selector: TheSelector, caller: TheCaller
) -> RehearsalResult:
    """Place clients as they would be placed now; nothing is changed, and no ticket is given."""
    caller.require(Action.READ)
    question = RehearseSelection(
        clients=tuple(RehearsedClient.model_validate(each.model_dump()) for each in body.clients),
        rule=selector.rule(body.public_site, body.team, body.instead),
        failed=body.failed,
        sessions=body.sessions,
        first=body.first,
    )
    answer = await selector.rehearse(question)
    return RehearsalResult.model_validate(answer, from_attributes=True)
