"""What a master had alone when the site went on without it: shown, and resolved by an operator."""

from typing import Annotated, Literal

from fastapi import APIRouter, Depends
from pydantic import BaseModel

from services.gateway.access.callers import TheCaller
from services.gateway.conflicts.conflicts import ConflictList, MastersConflicts
from services.gateway.conflicts.resolution import Resolution
from services.gateway.core.roles import Action
from services.gateway.http.bodies import DecodedRoute
from services.gateway.http.provided import provided
from shared.domain.conflict import ConflictChange, ConflictLine
from shared.domain.ids import Revision

router = APIRouter(tags=["cluster"], route_class=DecodedRoute)


class WholeConflict(BaseModel):
    """A conflict and the last change of each document in it, secrets left out."""

    conflict: ConflictLine
    changes: list[ConflictChange]


class Decision(BaseModel):
    """What is to become of it: its documents are put into the site again, or given up."""

    resolution: Literal["apply", "discard"]


class Resolved(BaseModel):
    """The conflict as it is now; *revision* is where its documents are in the log."""

    conflict: ConflictLine
    revision: Revision | None = None


TheMastersConflicts = Annotated[MastersConflicts, Depends(provided(MastersConflicts))]
TheResolution = Annotated[Resolution, Depends(provided(Resolution))]


@router.get("/conflicts")
async def list_conflicts(conflicts: TheMastersConflicts, caller: TheCaller) -> ConflictList:
    """What each master had alone, and what became of it."""
    caller.require(Action.READ)
    return await conflicts.list_all()


@router.get("/conflicts/{id_}")
async def show_conflict(id_: str, resolution: TheResolution, caller: TheCaller) -> WholeConflict:
    """The last change of each document that one master had alone."""
    caller.require(Action.READ)
    line, changes = await resolution.show(id_)
    return WholeConflict(conflict=line, changes=changes)


@router.post("/conflicts/{id_}")
async def resolve_conflict(
    id_: str, decision: Decision, resolution: TheResolution, caller: TheCaller
) -> Resolved:
    """Put its documents into the site as a new change, or give them up."""
    caller.require(Action.OPERATE)
    should_apply = decision.resolution == "apply"
    line, revision = await resolution.resolve(id_, caller.user, apply=should_apply)
    return Resolved(conflict=line, revision=revision)
