"""Health for load balancers: alive, ready, and who is primary."""

from fastapi import APIRouter, Response

from services.gateway.routes.bodies import DecodedRoute
from services.gateway.routes.door import TheDoor
from shared.api.health import ProcessHealth, Readiness, RoleReport
from shared.domain.node import MasterRole

router = APIRouter(tags=["health"], route_class=DecodedRoute)


@router.get("/healthz")
async def healthz() -> ProcessHealth:
    """200 while the process answers."""
    return ProcessHealth()


@router.get("/readyz")
async def readyz(door: TheDoor, response: Response) -> Readiness:
    """200 when sessions can be started here; else 503 with the reasons."""
    reasons = tuple(door.health.reasons())
    response.status_code = 503 if reasons else 200
    return Readiness(ready=not reasons, reasons=reasons)


@router.get("/role")
async def role(door: TheDoor, response: Response) -> RoleReport:
    """200 on the primary, 503 elsewhere."""
    epoch = door.grant.valid_epoch(door.clock.now())
    response.status_code = 503 if epoch is None else 200
    acts_as = MasterRole.BACKUP if epoch is None else MasterRole.PRIMARY
    return RoleReport(node=door.node, role=acts_as, epoch=epoch)
