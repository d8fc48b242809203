"""HTTP of the status history: roles, copies, redirections, and what operators did."""

from typing import Annotated

from fastapi import APIRouter, Depends, Query, Request, Response

from services.gateway.access.callers import TheCaller
from services.gateway.cluster.status_history import StatusHistoryReader
from services.gateway.core.roles import Action
from services.gateway.http.bodies import DecodedRoute
from services.gateway.http.paging import link_next
from services.gateway.http.provided import provided
from shared.api.model import Page
from shared.api.status_history import StatusHistoryQuery
from shared.decoding.text import to_integer
from shared.domain.history import StatusLine
from shared.domain.history_folding import fold_history
from shared.events.operation import ReadStatusHistory

router = APIRouter(tags=["cluster"], route_class=DecodedRoute)

TheReader = Annotated[StatusHistoryReader, Depends(provided(StatusHistoryReader))]


@router.get("/status/history")
async def read_status_history(
    reader: TheReader,
    caller: TheCaller,
    query: Annotated[StatusHistoryQuery, Query()],
    request: Request,
    response: Response,
) -> Page[StatusLine]:
    """Return the status history, as any master that answers has kept it."""
    caller.require(Action.READ)
    answer = await reader.read(as_question(query))
    following = None
    if answer.next is not None:
        following = link_next(request, response, query, before="{}.{}".format(*answer.next))
    lines = fold_history(answer.lines) if query.folded else answer.lines
    return Page(items=lines, next=following)


def as_question(query: StatusHistoryQuery) -> ReadStatusHistory:
    """Make the question to a master of *query*."""
    at, _, id_ = (query.before or "").partition(".")
    return ReadStatusHistory(
        before=(to_integer(at), id_) if query.before else None,
        since_unix_ms=query.since_unix_ms,
        node=query.node,
        limit=query.limit,
    )
