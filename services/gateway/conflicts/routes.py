"""HTTP of conflicts: the changes that a master had alone are shown, and resolved by an operator."""

from typing import Annotated

from fastapi import APIRouter, Depends

from services.gateway.access.callers import TheCaller
from services.gateway.conflicts.conflicts import MastersConflicts
from services.gateway.conflicts.resolution import Resolution
from services.gateway.core.roles import Action
from services.gateway.http.bodies import DecodedRoute
from services.gateway.http.provided import provided
from shared.api.conflicts import ConflictDecision, ConflictDetails, ConflictList, ConflictResult
from shared.api.model import Name

router = APIRouter(tags=["cluster"], route_class=DecodedRoute)


TheMastersConflicts = Annotated[MastersConflicts, Depends(provided(MastersConflicts))]
TheResolution = Annotated[Resolution, Depends(provided(Resolution))]


@router.get("/conflicts")
async def list_conflicts(conflicts: TheMastersConflicts, caller: TheCaller) -> ConflictList:
    """List what each master had alone, and what became of it."""
    caller.require(Action.READ)
    return await conflicts.list_all()


@router.get("/conflicts/{id_}")
async def show_conflict(id_: Name, resolution: TheResolution, caller: TheCaller) -> ConflictDetails:
    """Show the last change of each document that one master had alone."""
    caller.require(Action.READ)
    line, changes = await resolution.show(id_)
    return ConflictDetails(conflict=line, changes=tuple(changes))


@router.post("/conflicts/{id_}")
async def resolve_conflict(
    id_: Name, decision: ConflictDecision, resolution: TheResolution, caller: TheCaller
) -> ConflictResult:
    """Put its documents into the site as a new change, or give them up."""
    caller.require(Action.OPERATE)
    should_apply = decision.resolution == "apply"
    line, revision = await resolution.resolve(id_, caller.user, apply=should_apply)
    return ConflictResult(conflict=line, revision=revision)
