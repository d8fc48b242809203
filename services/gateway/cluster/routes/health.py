"""Health for load balancers: alive, ready, and who is primary."""

from typing import Annotated

from fastapi import APIRouter, Depends
from starlette.responses import JSONResponse

from services.gateway.cluster.local_health import LocalHealth
from services.gateway.http.bodies import DecodedRoute
from services.gateway.http.provided import provided

router = APIRouter(tags=["health"], route_class=DecodedRoute)

TheLocalHealth = Annotated[LocalHealth, Depends(provided(LocalHealth))]


@router.get("/healthz")
async def healthz() -> dict[str, bool]:
    """200 while the process answers."""
    return {"ok": True}


@router.get("/readyz")
async def readyz(local: TheLocalHealth) -> JSONResponse:
    """200 when sessions can be started here; else 503 with the reasons."""
    reasons = local.reasons()
    return JSONResponse(
        {"ready": not reasons, "reasons": reasons}, status_code=503 if reasons else 200
    )


@router.get("/role")
async def role(local: TheLocalHealth) -> JSONResponse:
    """200 on the primary, 503 elsewhere."""
    epoch = local.primary_epoch()
    body = {"node": local.node, "role": "backup" if epoch is None else "primary", "epoch": epoch}
    return JSONResponse(body, status_code=503 if epoch is None else 200)
