"""Who is primary: the planned change of it, the forced promotion, and the check of a takeover."""

from typing import Annotated

from fastapi import APIRouter, Depends
from pydantic import BaseModel, Field

from services.gateway.access.callers import TheCaller
from services.gateway.cluster.failover import Failover
from services.gateway.core.roles import Action
from services.gateway.http.bodies import DecodedRoute
from services.gateway.http.provided import provided
from shared.domain.ids import Epoch, NodeId
from shared.domain.node import MasterRole
from shared.domain.redirection import RedirectionStatus
from shared.events.config import GenerationBegun
from shared.events.failover import MasterStatus, RoleSwitched

router = APIRouter(tags=["failover"], route_class=DecodedRoute)


class Wish(BaseModel):
    """Which master is to be primary; the other one when none is named."""

    to: NodeId | None = None


class Promotion(BaseModel):
    """Which master goes on alone, and why; without *force* it is refused."""

    node: NodeId
    force: bool = False
    reason: str = Field(default="", max_length=500)


class MasterCheck(BaseModel):
    """What one master says of itself; *reasons* bar it from taking the role over.

    *redirection* is how the primary leads the site's address to itself.
    """

    node: NodeId
    answers: bool
    role: MasterRole | None = None
    epoch: Epoch | None = None
    could_take_over: bool = False
    reasons: list[str] = []
    redirection: RedirectionStatus = RedirectionStatus()


class FailoverCheck(BaseModel):
    """What would happen if the primary failed now."""

    primary: NodeId | None
    successor: NodeId | None
    verdict: str
    masters: list[MasterCheck]


TheFailover = Annotated[Failover, Depends(provided(Failover))]


@router.post("/switchover")
async def switch_over(wish: Wish, failover: TheFailover, caller: TheCaller) -> RoleSwitched:
    """Make another master primary; changes wait meanwhile, and none is refused."""
    caller.require(Action.OPERATE)
    return await failover.switch_over(wish.to, caller.user)


@router.post("/failover/promote")
async def promote(wish: Promotion, failover: TheFailover, caller: TheCaller) -> GenerationBegun:
    """Have a master go on alone without a quorum; the other side may still accept changes."""
    caller.require(Action.OPERATE)
    return await failover.promote(wish.node, caller.user, force=wish.force, reason=wish.reason)


@router.get("/failover/check")
async def check(failover: TheFailover, caller: TheCaller) -> FailoverCheck:
    """Ask every master what it would do if the primary failed now, and why."""
    caller.require(Action.READ)
    takeover, answers = await failover.check()
    return FailoverCheck(
        primary=takeover.primary,
        successor=takeover.successor,
        verdict=takeover.verdict,
        masters=[_master_check(node, answer) for node, answer in answers.items()],
    )


def _master_check(node: NodeId, answer: MasterStatus | None) -> MasterCheck:
    if answer is None:
        return MasterCheck(node=node, answers=False, reasons=["it does not answer"])
    return MasterCheck(
        node=node,
        answers=True,
        role=answer.role,
        epoch=answer.epoch,
        could_take_over=answer.could_take_over,
        reasons=list(answer.reasons),
        redirection=answer.redirection,
    )
