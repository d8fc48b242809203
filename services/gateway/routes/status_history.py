"""What happened to the site: roles, copies, redirections, and what operators did."""

from typing import Annotated, Final

from fastapi import APIRouter, Query, Request, Response

from services.gateway.core.access import Action
from services.gateway.routes.bodies import DecodedRoute
from services.gateway.routes.door import TheCaller, TheDoor
from services.gateway.routes.pages import link_next
from shared.api.model import Page
from shared.api.status_history import StatusHistoryQuery
from shared.decoding.text import to_integer
from shared.domain.history import StatusLine
from shared.domain.ids import NodeId
from shared.events.operation import ReadStatusHistory

router = APIRouter(tags=["cluster"], route_class=DecodedRoute)

READ_SECONDS: Final = 4.0


@router.get("/status/history")
async def read_status_history(
    door: TheDoor,
    caller: TheCaller,
    query: Annotated[StatusHistoryQuery, Query()],
    request: Request,
    response: Response,
) -> Page[StatusLine]:
    """What happened, as any master that answers has kept it."""
    caller.require(Action.READ)
    answer = await door.publisher.ask(
        as_question(query), timeout_seconds=READ_SECONDS, attempt_seconds=READ_SECONDS / 2
    )
    following = None
    if answer.next is not None:
        following = link_next(request, response, query, before="{}.{}".format(*answer.next))
    return Page(items=answer.lines, next=following)


def as_question(query: StatusHistoryQuery) -> ReadStatusHistory:
    """What the masters are asked."""
    at, _, id_ = (query.before or "").partition(".")
    return ReadStatusHistory(
        before=(to_integer(at), id_) if query.before else None,
        since_unix_ms=query.since_unix_ms,
        node=None if query.node is None else NodeId(query.node),
        limit=query.limit,
    )
