"""HTTP of the history of changes, and of the log's copies."""

from typing import Annotated

from fastapi import APIRouter, Depends, Query, Request, Response

from services.gateway.access.callers import TheAuditLog, TheCaller
from services.gateway.configuration.reader import ConfigurationReader
from services.gateway.configuration.verification import LogCopies
from services.gateway.core.roles import Action
from services.gateway.http.bodies import DecodedRoute
from services.gateway.http.paging import link_next
from services.gateway.http.provided import provided
from shared.api.changes import ChangesQuery, CopyReport, NewLogGeneration, RebuildRequest
from shared.api.model import Page
from shared.decoding.text import to_integer
from shared.domain.history import HistoryLine
from shared.domain.ids import LogGeneration, Revision
from shared.domain.log import LogPlace
from shared.events.config import ReadHistory

router = APIRouter(tags=["configuration"], route_class=DecodedRoute)


TheReader = Annotated[ConfigurationReader, Depends(provided(ConfigurationReader))]
TheLogCopies = Annotated[LogCopies, Depends(provided(LogCopies))]


@router.get("/log/verify")
async def verify_log(copies: TheLogCopies, caller: TheCaller) -> tuple[CopyReport, ...]:
    """Walk the hash chain in the log and in every master's database; it may take a while."""
    caller.require(Action.READ)
    return tuple(await copies.verify())


@router.post("/log/rebuild")
async def rebuild_log(
    wanted: RebuildRequest, copies: TheLogCopies, audit: TheAuditLog, caller: TheCaller
) -> NewLogGeneration:
    """Begin the log anew from the masters' databases, after its servers lost every file of it."""
    caller.require(Action.OPERATE)
    with audit.record("log rebuild", caller.user):
        begun = await copies.rebuild(caller.user, force=wanted.force, reason=wanted.reason)
    return NewLogGeneration.model_validate(begun, from_attributes=True)


@router.get("/log")
async def read_log(
    reader: TheReader,
    caller: TheCaller,
    query: Annotated[ChangesQuery, Query()],
    request: Request,
    response: Response,
) -> Page[HistoryLine]:
    """List the configuration's changes; a page may hold fewer lines than asked for, even none."""
    caller.require(Action.READ)
    found = await reader.history(as_question(query))
    following = None
    if found.next is not None:
        following = link_next(request, response, query, before="{}.{}".format(*found.next))
    return Page(items=found.lines, next=following)


def as_question(query: ChangesQuery) -> ReadHistory:
    """Make the question to a master of *query*."""
    generation, _, revision = (query.before or "").partition(".")
    place = LogGeneration(to_integer(generation or "0")), Revision(to_integer(revision or "0"))
    return ReadHistory(
        before=LogPlace(*place) if query.before else None,
        **query.model_dump(exclude={"before"}),
    )
