"""HTTP of health for load balancers: alive, ready, and who is primary."""

from typing import Annotated

from fastapi import APIRouter, Depends, Response

from services.gateway.cluster.local_health import LocalHealth
from services.gateway.http.bodies import DecodedRoute
from services.gateway.http.provided import provided
from shared.api.health import ProcessHealth, Readiness, RoleReport
from shared.domain.node import MasterRole

router = APIRouter(tags=["health"], route_class=DecodedRoute)

TheLocalHealth = Annotated[LocalHealth, Depends(provided(LocalHealth))]


@router.get("/healthz")
async def healthz() -> ProcessHealth:
    """Answer 200 while the process answers."""
    return ProcessHealth()


@router.get("/readyz")
async def readyz(local: TheLocalHealth, response: Response) -> Readiness:
    """Answer 200 when sessions can be started here; else 503 with the reasons."""
    reasons = tuple(local.reasons())
    response.status_code = 503 if reasons else 200
    return Readiness(ready=not reasons, reasons=reasons, warnings=tuple(local.warnings()))


@router.get("/role")
async def role(local: TheLocalHealth, response: Response) -> RoleReport:
    """Answer 200 on the primary, 503 elsewhere."""
    epoch = local.primary_epoch()
    response.status_code = 503 if epoch is None else 200
    acts_as = MasterRole.BACKUP if epoch is None else MasterRole.PRIMARY
    return RoleReport(node=local.node, role=acts_as, epoch=epoch)
