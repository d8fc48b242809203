"""HTTP of the failover API of the field's product, and the same as JSON.

`/api/command?action=…` answers in XML, by GET or by POST of a form, and needs an access token;
`/check_health` answers load balancers by its status, 200 or 500, and needs none.
"""

from collections.abc import Mapping
from typing import Annotated
from urllib.parse import parse_qsl

from fastapi import APIRouter, Depends, Request, Response
from fastapi.responses import PlainTextResponse

from services.gateway.access.callers import TheAccounts, TheCaller
from services.gateway.appliances.appliances import Appliances
from services.gateway.appliances.core import (
    appliances_xml,
    error_xml,
    health_xml,
    success_xml,
)
from services.gateway.core.roles import Action, Caller
from services.gateway.http.bodies import DecodedRoute
from services.gateway.http.problems import status_of
from services.gateway.http.provided import provided
from services.gateway.http.requests import bearer
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

TheAppliances = Annotated[Appliances, Depends(provided(Appliances))]


@router.get("/appliances")
async def list_appliances(appliances: TheAppliances, caller: TheCaller) -> list[ApplianceInfo]:
    """List every node that people or endpoints reach."""
    caller.require(Action.READ)
    found = appliances.all()
    return [ApplianceInfo.model_validate(each, from_attributes=True) for each in found]


@router.get("/appliance-health")
async def appliance_health(appliances: TheAppliances, caller: TheCaller) -> ApplianceHealthReport:
    """Return the health of this master."""
    caller.require(Action.READ)
    return ApplianceHealthReport.model_validate(appliances.health(), from_attributes=True)


@router.put("/failover/role")
async def write_role(
    wanted: FailoverRoleRequest, appliances: TheAppliances, caller: TheCaller
) -> FailoverRoleResult:
    """Give this master the role *primary* or *backup*."""
    caller.require(Action.OPERATE)
    done = await appliances.set_failover_role(wanted.role, caller.user, force=wanted.force)
    return FailoverRoleResult(success=done)


async def parameters(request: Request) -> Mapping[str, str]:
    """Read the command's parameters: from the address and, by POST, from a form."""
    found = dict(request.query_params)
    if request.method == "POST":
        form = (await request.body())[:LONGEST_FORM].decode(errors="replace")
        found.update(parse_qsl(form))
    return found


@commands.get("/api/command")
@commands.post("/api/command")
async def command(
    request: Request,
    accounts: TheAccounts,
    appliances: TheAppliances,
    given: Annotated[Mapping[str, str], Depends(parameters)],
) -> Response:
    """Carry out one command; a refusal is an `error` in XML too."""
    try:
        caller = accounts.caller(bearer(request))
        return Response(await _carry_out(appliances, caller, given), media_type=XML)
    except MeridianError as error:
        return Response(error_xml(error.message), status_of(error), media_type=XML)


@commands.get("/check_health")
async def check_health(appliances: TheAppliances) -> PlainTextResponse:
    """Answer 200 while sessions and changes can be served here, else 500."""
    if appliances.problems():
        return PlainTextResponse("This appliance is not healthy.\n", 500)
    return PlainTextResponse("This appliance is healthy.\n")


async def _carry_out(appliances: Appliances, caller: Caller, given: Mapping[str, str]) -> bytes:
    match given.get("action"):
        case "check_health":
            caller.require(Action.READ)
            return health_xml(appliances.health())
        case "get_appliances":
            caller.require(Action.READ)
            return appliances_xml(appliances.all())
        case "set_failover_role":
            caller.require(Action.OPERATE)
            force = _flag(given, "force")
            _flag(given, "data_sync_first")
            role = _role(given)
            done = await appliances.set_failover_role(role, caller.user, force=force)
            return success_xml(done)
        case action:
            raise InvalidChange(
                f"there is no action {action!r}; there are check_health, get_appliances and "
                "set_failover_role",
                field="action",
            )


def _role(given: Mapping[str, str]) -> FailoverRole:
    if given.get("role") not in {FailoverRole.PRIMARY, FailoverRole.BACKUP}:
        raise InvalidChange("role is primary or backup", field="role")
    return FailoverRole(given["role"])


def _flag(given: Mapping[str, str], name: str) -> bool:
    if given.get(name, "0") not in {"0", "1"}:
        raise InvalidChange(f"{name} is 0 or 1", field=name)
    return given.get(name) == "1"
