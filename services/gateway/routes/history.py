"""Who changed what, when: the cluster log for people."""

from typing import Annotated, Final

from fastapi import APIRouter, Query, Request, Response

from services.gateway.core.access import Action
from services.gateway.operations import told
from services.gateway.routes.bodies import DecodedRoute
from services.gateway.routes.door import TheCaller, TheDoor
from services.gateway.routes.pages import link_next
from services.gateway.verifying import verify_copies
from shared.api.changes import ChangesQuery, CopyReport, NewLogGeneration, RebuildRequest
from shared.api.model import Page
from shared.decoding.text import to_integer
from shared.domain.history import HistoryLine
from shared.domain.ids import LogGeneration, Revision
from shared.domain.log import LogPlace
from shared.domain.node import NodeRole
from shared.events.config import ReadHistory, RebuildLog

router = APIRouter(tags=["configuration"], route_class=DecodedRoute)

REBUILD_SECONDS: Final = 40.0


@router.get("/log/verify")
async def verify_log(door: TheDoor, caller: TheCaller) -> tuple[CopyReport, ...]:
    """Walk the hash chain in the log and in every master's database; it may take a while."""
    caller.require(Action.READ)
    nodes = door.directory.nodes.items()
    masters = sorted(node for node, each in nodes if each.role is NodeRole.MASTER)
    return tuple(await verify_copies(door.publisher, masters))


@router.post("/log/rebuild")
async def rebuild_log(wanted: RebuildRequest, door: TheDoor, caller: TheCaller) -> NewLogGeneration:
    """Begin the log anew from the masters' databases, after its servers lost every file of it."""
    caller.require(Action.OPERATE)
    order = RebuildLog(node=door.node, author=caller.user, **wanted.model_dump())
    with told(door, "log rebuild", caller.user):
        begun = await door.publisher.ask(order, timeout_seconds=REBUILD_SECONDS)
    return NewLogGeneration.model_validate(begun, from_attributes=True)


@router.get("/log")
async def read_log(
    door: TheDoor,
    caller: TheCaller,
    query: Annotated[ChangesQuery, Query()],
    request: Request,
    response: Response,
) -> Page[HistoryLine]:
    """The changes of the configuration; a page may hold fewer lines than asked for, even none."""
    caller.require(Action.READ)
    found = await door.configuration.history(as_question(query))
    following = None
    if found.next is not None:
        following = link_next(request, response, query, before="{}.{}".format(*found.next))
    return Page(items=found.lines, next=following)


def as_question(query: ChangesQuery) -> ReadHistory:
    """What the masters are asked."""
    generation, _, revision = (query.before or "").partition(".")
    place = LogGeneration(to_integer(generation or "0")), Revision(to_integer(revision or "0"))
    return ReadHistory(
        before=LogPlace(*place) if query.before else None,
        **query.model_dump(exclude={"before"}),
    )
