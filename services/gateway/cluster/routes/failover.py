"""HTTP of failover: the planned change of primary, the forced promotion, the takeover check."""

from typing import Annotated

from fastapi import APIRouter, Depends

from services.gateway.access.callers import TheCaller
from services.gateway.cluster.core.survival import describe_survival, survives_next
from services.gateway.cluster.failover import FailoverService
from services.gateway.core.roles import Action
from services.gateway.http.bodies import DecodedRoute
from services.gateway.http.provided import provided
from shared.api.changes import NewLogGeneration
from shared.api.failover import (
    FailoverCheck,
    MasterCheck,
    PromotionRequest,
    SwitchoverRequest,
    SwitchoverResult,
)
from shared.domain.ids import NodeId
from shared.events.failover import MasterStatus

router = APIRouter(tags=["failover"], route_class=DecodedRoute)


TheFailover = Annotated[FailoverService, Depends(provided(FailoverService))]


@router.post("/switchover")
async def switch_over(
    wanted: SwitchoverRequest, failover: TheFailover, caller: TheCaller
) -> SwitchoverResult:
    """Make another master primary; changes wait meanwhile, and none is refused."""
    caller.require(Action.OPERATE)
    switched = await failover.switch_over(wanted.to, caller.user)
    return SwitchoverResult.model_validate(switched, from_attributes=True)


@router.post("/failover/promote")
async def promote(
    wanted: PromotionRequest, failover: TheFailover, caller: TheCaller
) -> NewLogGeneration:
    """Have a master go on alone without a quorum; the other side may still accept changes."""
    caller.require(Action.OPERATE)
    begun = await failover.promote(
        wanted.node, caller.user, force=wanted.force, reason=wanted.reason
    )
    return NewLogGeneration.model_validate(begun, from_attributes=True)


@router.get("/failover/check")
async def check(failover: TheFailover, caller: TheCaller) -> FailoverCheck:
    """Ask every master what it would do if the primary failed now, and why."""
    caller.require(Action.READ)
    takeover, answers = await failover.check()
    facts, failures = takeover.facts, takeover.facts.forecast()
    return FailoverCheck(
        primary=takeover.primary,
        successor=takeover.successor,
        verdict=takeover.verdict,
        masters=tuple(_master_check(node, answer) for node, answer in answers.items()),
        log_servers=dict(facts.log.states),
        failures=failures,
        survival=describe_survival(facts),
        survives_loss=survives_next(failures),
    )


def _master_check(node: NodeId, answer: MasterStatus | None) -> MasterCheck:
    if answer is None:
        return MasterCheck(node=node, answers=False, reasons=("it does not answer",))
    return MasterCheck(
        node=node,
        answers=True,
        role=answer.role,
        epoch=answer.epoch,
        could_take_over=answer.could_take_over,
        reasons=answer.reasons,
        redirection=answer.redirection,
    )
