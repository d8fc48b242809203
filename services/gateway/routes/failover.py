"""Who is primary, on purpose: the planned change of it, and what would happen without one."""

import asyncio
from collections.abc import Sequence
from typing import Final

from fastapi import APIRouter

from services.gateway.core.access import Action
from services.gateway.operations import told
from services.gateway.routes.bodies import DecodedRoute
from services.gateway.routes.door import Door, TheCaller, TheDoor
from shared.api.changes import NewLogGeneration
from shared.api.failover import (
    FailoverCheck,
    MasterCheck,
    PromotionRequest,
    SwitchoverRequest,
    SwitchoverResult,
)
from shared.domain.errors import MeridianError, NoPrimary, NotFound
from shared.domain.ids import Epoch, NodeId
from shared.domain.liveness import Liveness
from shared.domain.node import MasterRole, NodeRole
from shared.domain.primary import PrimaryClaim, apparent_primary
from shared.events.config import PromoteAlone
from shared.events.failover import ReadMasterStatus, RoleSwitched, SwitchOver

router = APIRouter(tags=["failover"], route_class=DecodedRoute)

SWITCH_SECONDS: Final = 8.0
PROMOTE_SECONDS: Final = 12.0
STATUS_SECONDS: Final = 1.5


@router.post("/switchover")
async def switch_over(
    wanted: SwitchoverRequest, door: TheDoor, caller: TheCaller
) -> SwitchoverResult:
    """Make another master primary; changes wait meanwhile, and none is refused."""
    caller.require(Action.OPERATE)
    switched = await hand_over(door, wanted.to, caller.user)
    return SwitchoverResult.model_validate(switched, from_attributes=True)


async def hand_over(door: Door, to: NodeId | None, author: str) -> RoleSwitched:
    """Have the primary hand its role to *to*, or to the other master.

    Raises:
        NoPrimary: no master says that it is primary.
        MeridianError: it cannot be done now; the primary is who it was.
    """
    with told(door, "switchover", author, () if to is None else (to,)):
        primary = primary_of(door)
        order = SwitchOver(node=primary.node, epoch=primary.epoch, to=to, author=author)
        return await door.publisher.ask(order, timeout_seconds=SWITCH_SECONDS)


@router.post("/failover/promote")
async def promote(wanted: PromotionRequest, door: TheDoor, caller: TheCaller) -> NewLogGeneration:
    """Have a master go on alone without a quorum; the other side may still accept changes."""
    caller.require(Action.OPERATE)
    order = PromoteAlone(author=caller.user, **wanted.model_dump())
    with told(door, "forced promotion", caller.user, (wanted.node,)):
        require_master(door, wanted.node)
        begun = await door.publisher.ask(order, timeout_seconds=PROMOTE_SECONDS)
    return NewLogGeneration.model_validate(begun, from_attributes=True)


@router.get("/failover/check")
async def check(door: TheDoor, caller: TheCaller) -> FailoverCheck:
    """Ask every master what it would do if the primary failed now, and why."""
    caller.require(Action.READ)
    nodes = [
        node for node, document in door.directory.nodes.items() if document.role is NodeRole.MASTER
    ]
    masters = await asyncio.gather(*(_check(door, node) for node in sorted(nodes)))
    return weighed(masters)


def weighed(masters: Sequence[MasterCheck]) -> FailoverCheck:
    """What follows from what the masters say of themselves."""
    claim = apparent_primary(
        PrimaryClaim(each.node, each.epoch or Epoch(0))
        for each in masters
        if each.role is MasterRole.PRIMARY
    )
    primary = None if claim is None else claim.node
    could = [each.node for each in masters if each.could_take_over]
    successor = min(could, default=None)
    if successor is None:
        who = "nobody is primary, and" if primary is None else f"if {primary} failed,"
        verdict = f"{who} no master would take the role over"
    elif primary is None:
        verdict = f"nobody is primary; {successor} will take the role over"
    else:
        verdict = f"if {primary} failed, {successor} would take the role over"
    return FailoverCheck(
        primary=primary, successor=successor, verdict=verdict, masters=tuple(masters)
    )


def require_master(door: Door, node: NodeId) -> None:
    """Refuse unless *node* is one of the site's masters, as far as this gateway knows them.

    Raises:
        NotFound: it is none.
    """
    known = door.directory.nodes
    document = known.get(node)
    if known and (document is None or document.role is not NodeRole.MASTER):
        raise NotFound(f"{node} is no master of this site; see `meridian failover check`")


async def _check(door: Door, node: NodeId) -> MasterCheck:
    try:
        answer = await door.publisher.ask(
            ReadMasterStatus(node=node), timeout_seconds=STATUS_SECONDS
        )
    except MeridianError:
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


def primary_of(door: Door) -> PrimaryClaim:
    """Name the master that seems to be primary, and its epoch.

    Raises:
        NoPrimary: no master says that it is.
    """
    claims: list[PrimaryClaim] = []
    for node in door.directory.nodes:
        heard = door.observed.heard(node, "failover_monitor")
        alive = door.observed.liveness(node, door.site().timing, door.clock.now())
        if heard is None or alive is Liveness.DEAD:
            continue
        if heard.heartbeat.role is MasterRole.PRIMARY:
            claims.append(PrimaryClaim(node, heard.heartbeat.epoch))
    if (claim := apparent_primary(claims)) is None:
        raise NoPrimary("no master says that it is primary; see `meridian failover check`")
    return claim
