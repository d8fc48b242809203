"""A rehearsal of node selection: what a setting would do to a population, before it is saved."""

from collections.abc import Iterable, Mapping
from typing import Final

from fastapi import APIRouter
from pydantic import ValidationError

from services.gateway.core.access import Action
from services.gateway.routes.bodies import DecodedRoute
from services.gateway.routes.door import Door, TheCaller, TheDoor
from shared.api.selection import RehearsalRequest, RehearsalResult
from shared.documents import Kind
from shared.documents.node import NodeDocument
from shared.documents.selection import Selection, merged
from shared.domain.errors import InvalidChange, NotFound
from shared.domain.ids import NodeId
from shared.events.rehearsal import (
    RehearsedClient,
    RehearseSelection,
)

router = APIRouter(tags=["cluster"], route_class=DecodedRoute)

REHEARSAL_SECONDS: Final = 15.0


@router.post("/selection/rehearse")
async def rehearse(body: RehearsalRequest, door: TheDoor, caller: TheCaller) -> RehearsalResult:
    """Place clients as they would be placed now; nothing is changed, and no ticket is given."""
    caller.require(Action.READ)
    require_nodes(door.directory.nodes, body.failed)
    question = RehearseSelection(
        clients=tuple(RehearsedClient.model_validate(each.model_dump()) for each in body.clients),
        rule=_rule(door, body),
        failed=body.failed,
        sessions=body.sessions,
        first=body.first,
    )
    answer = await door.publisher.ask(
        question, timeout_seconds=REHEARSAL_SECONDS, attempt_seconds=REHEARSAL_SECONDS / 2
    )
    return RehearsalResult.model_validate(answer, from_attributes=True)


def require_nodes(known: Mapping[NodeId, NodeDocument], wanted: Iterable[NodeId]) -> None:
    """Let names of nodes pass.

    Raises:
        NotFound: there is none of such a name.
    """
    for node in wanted:
        if node not in known:
            raise NotFound(f"there is no node {node!r}: {', '.join(sorted(known))}", id=node)


def _rule(door: Door, body: RehearsalRequest) -> Selection:
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
