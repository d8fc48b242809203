"""Health for load balancers: alive, ready, and who is primary."""

from fastapi import APIRouter
from starlette.responses import JSONResponse

from services.gateway.routes.bodies import DecodedRoute
from services.gateway.routes.door import TheDoor

router = APIRouter(tags=["health"], route_class=DecodedRoute)


@router.get("/healthz")
async def healthz() -> dict[str, bool]:
    """200 while the process answers."""
    return {"ok": True}


@router.get("/readyz")
async def readyz(door: TheDoor) -> JSONResponse:
    """200 when sessions can be started here; else 503 with the reasons."""
    reasons = door.health.reasons()
    return JSONResponse(
        {"ready": not reasons, "reasons": reasons}, status_code=503 if reasons else 200
    )


@router.get("/role")
async def role(door: TheDoor) -> JSONResponse:
    """200 on the primary, 503 elsewhere."""
    epoch = door.grant.valid_epoch(door.clock.now())
    body = {"node": door.node, "role": "backup" if epoch is None else "primary", "epoch": epoch}
    return JSONResponse(body, status_code=503 if epoch is None else 200)
