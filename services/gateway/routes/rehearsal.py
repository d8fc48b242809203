"""A rehearsal of node selection: what a setting would do to a population, before it is saved."""

from collections.abc import Mapping
from typing import Final

from fastapi import APIRouter
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from services.gateway.core.access import Action
from services.gateway.routes.bodies import DecodedRoute
from services.gateway.routes.door import Door, TheCaller, TheDoor
from shared.decoding.jsontext import LARGEST_INTEGER
from shared.documents import Kind
from shared.documents.node import NodeDocument
from shared.documents.selection import Selection, SelectionOverride, merged
from shared.domain.errors import InvalidChange, NotFound
from shared.domain.ids import NodeId
from shared.events.rehearsal import (
    MOST_AT_ONCE,
    RehearsedClient,
    RehearseSelection,
    SelectionRehearsed,
)

router = APIRouter(tags=["cluster"], route_class=DecodedRoute)

REHEARSAL_SECONDS: Final = 15.0


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
async def rehearse(body: RehearsalPart, door: TheDoor, caller: TheCaller) -> SelectionRehearsed:
    """Place clients as they would be placed now; nothing is changed, and no ticket is given."""
    caller.require(Action.READ)
    require_nodes(door.directory.nodes, body.failed)
    question = RehearseSelection(
        clients=tuple(body.clients),
        rule=_rule(door, body),
        failed=tuple(body.failed),
        sessions=body.sessions,
        first=body.first,
    )
    return await door.publisher.ask(
        question, timeout_seconds=REHEARSAL_SECONDS, attempt_seconds=REHEARSAL_SECONDS / 2
    )


def require_nodes(known: Mapping[NodeId, NodeDocument], wanted: list[NodeId]) -> None:
    """Let names of nodes pass.

    Raises:
        NotFound: there is none of such a name.
    """
    for node in wanted:
        if node not in known:
            raise NotFound(f"there is no node {node!r}: {', '.join(sorted(known))}", id=node)


def _rule(door: Door, body: RehearsalPart) -> Selection:
    said = door.directory.overrides
    rule = merged(
        door.site().selection,
        said.get((Kind.PUBLIC_SITE, body.public_site or "")),
        said.get((Kind.TEAM, body.team or "")),
        body.instead,
    )
    try:
        return Selection.model_validate(rule.model_dump(mode="json"))
    except ValidationError as error:
        sentence = error.errors()[0]["msg"].removeprefix("Value error, ")
        raise InvalidChange(f"this cannot be tried: {sentence}", field="instead") from error
