"""A rehearsal of node selection: what a setting would do to a population, before it is saved."""

from typing import Annotated

from fastapi import APIRouter, Depends
from pydantic import BaseModel, ConfigDict, Field

from services.gateway.access.callers import TheCaller
from services.gateway.core.roles import Action
from services.gateway.http.bodies import DecodedRoute
from services.gateway.http.provided import provided
from services.gateway.placement.selector import Selector
from shared.decoding.jsontext import LARGEST_INTEGER
from shared.documents.selection import SelectionOverride
from shared.domain.ids import NodeId
from shared.events.rehearsal import (
    MOST_AT_ONCE,
    RehearsedClient,
    RehearseSelection,
    SelectionRehearsed,
)

router = APIRouter(tags=["cluster"], route_class=DecodedRoute)

TheSelector = Annotated[Selector, Depends(provided(Selector))]


class RehearsalPart(BaseModel):
    """A part of a population, and what is supposed; `sessions` comes from the part before.

    *instead* takes the place of what the site, its public site and its team say now.
    """

    model_config = ConfigDict(extra="forbid")

    clients: list[RehearsedClient] = Field(min_length=1, max_length=MOST_AT_ONCE)
    instead: SelectionOverride | None = None
    failed: list[NodeId] = []
    public_site: str | None = None
    team: str | None = None
    sessions: dict[NodeId, int] = {}
    first: int = Field(default=0, ge=0, le=LARGEST_INTEGER)


@router.post("/selection/rehearse")
async def rehearse(
    body: RehearsalPart, selector: TheSelector, caller: TheCaller
) -> SelectionRehearsed:
    """Place clients as they would be placed now; nothing is changed, and no ticket is given."""
    caller.require(Action.READ)
    question = RehearseSelection(
        clients=tuple(body.clients),
        rule=selector.rule(body.public_site, body.team, body.instead),
        failed=tuple(body.failed),
        sessions=body.sessions,
        first=body.first,
    )
    return await selector.rehearse(question)
