"""The failover API of the field's product: its scripts go on working, and the same as JSON.

`/api/command?action=…` answers in XML, by GET or by POST of a form, to who brings an access token;
`/check_health` tells load balancers by its status, 200 or 500, and needs none.
"""

from collections.abc import Mapping
from typing import Annotated
from urllib.parse import parse_qsl

from fastapi import APIRouter, Depends, Request, Response
from fastapi.responses import PlainTextResponse

from services.gateway.appliances import appliances, health, problems, set_failover_role
from services.gateway.core.access import Action
from services.gateway.core.appliances import (
    appliances_xml,
    error_xml,
    health_xml,
    success_xml,
)
from services.gateway.problems import status_of
from services.gateway.routes.bodies import DecodedRoute
from services.gateway.routes.door import Door, TheCaller, TheDoor, bearer
from shared.api.appliances import (
    ApplianceHealthReport,
    ApplianceInfo,
    FailoverRoleRequest,
    FailoverRoleResult,
)
from shared.domain.errors import InvalidChange, MeridianError
from shared.domain.node import FailoverRole

router = APIRouter(tags=["appliances"], route_class=DecodedRoute)
commands = APIRouter(tags=["appliances"], route_class=DecodedRoute)

XML = "text/xml; charset=utf-8"
LONGEST_FORM = 4_096


@router.get("/appliances")
async def list_appliances(door: TheDoor, caller: TheCaller) -> list[ApplianceInfo]:
    """Every node that people or endpoints reach."""
    caller.require(Action.READ)
    return [ApplianceInfo.model_validate(each, from_attributes=True) for each in appliances(door)]


@router.get("/appliance-health")
async def appliance_health(door: TheDoor, caller: TheCaller) -> ApplianceHealthReport:
    """How this master fares."""
    caller.require(Action.READ)
    return ApplianceHealthReport.model_validate(health(door), from_attributes=True)


@router.put("/failover/role")
async def write_role(
    wanted: FailoverRoleRequest, door: TheDoor, caller: TheCaller
) -> FailoverRoleResult:
    """Give this master the role *primary* or *backup*."""
    caller.require(Action.OPERATE)
    done = await set_failover_role(door, wanted.role, caller.user, force=wanted.force)
    return FailoverRoleResult(success=done)


async def parameters(request: Request) -> Mapping[str, str]:
    """What the command says, in the address and, by POST, in a form."""
    found = dict(request.query_params)
    if request.method == "POST":
        form = (await request.body())[:LONGEST_FORM].decode(errors="replace")
        found.update(parse_qsl(form))
    return found


@commands.get("/api/command")
@commands.post("/api/command")
async def command(
    request: Request, door: TheDoor, said: Annotated[Mapping[str, str], Depends(parameters)]
) -> Response:
    """One command; a refusal is an `error` in XML too."""
    try:
        return Response(await _obeyed(door, request, said), media_type=XML)
    except MeridianError as error:
        return Response(error_xml(error.message), status_of(error), media_type=XML)


@commands.get("/check_health")
async def check_health(door: TheDoor) -> PlainTextResponse:
    """200 while sessions and changes can be served here, else 500."""
    if problems(door):
        return PlainTextResponse("This appliance is not healthy.\n", 500)
    return PlainTextResponse("This appliance is healthy.\n")


async def _obeyed(door: Door, request: Request, said: Mapping[str, str]) -> bytes:
    caller = door.accounts.caller(bearer(request))
    match said.get("action"):
        case "check_health":
            caller.require(Action.READ)
            return health_xml(health(door))
        case "get_appliances":
            caller.require(Action.READ)
            return appliances_xml(appliances(door))
        case "set_failover_role":
            caller.require(Action.OPERATE)
            force = _flag(said, "force")
            _flag(said, "data_sync_first")
            return success_xml(await set_failover_role(door, _role(said), caller.user, force=force))
        case action:
            raise InvalidChange(
                f"there is no action {action!r}; there are check_health, get_appliances and "
                "set_failover_role",
                field="action",
            )


def _role(said: Mapping[str, str]) -> FailoverRole:
    if said.get("role") not in {FailoverRole.PRIMARY, FailoverRole.BACKUP}:
        raise InvalidChange("role is primary or backup", field="role")
    return FailoverRole(said["role"])


def _flag(said: Mapping[str, str], name: str) -> bool:
    if said.get(name, "0") not in {"0", "1"}:
        raise InvalidChange(f"{name} is 0 or 1", field=name)
    return said.get(name) == "1"
