"""What happened to the site: roles, copies, redirections, and what operators did."""

from typing import Annotated

from fastapi import APIRouter, Depends, Query, Request, Response
from pydantic import BaseModel, Field

from services.gateway.access.callers import TheCaller
from services.gateway.cluster.status_history import StatusHistoryReader
from services.gateway.core.roles import Action
from services.gateway.http.bodies import DecodedRoute
from services.gateway.http.paging import link_next
from services.gateway.http.provided import provided
from shared.decoding.text import to_integer
from shared.domain.history import StatusLine
from shared.domain.ids import LATEST_UNIX_MS, NodeId
from shared.events.operation import ReadStatusHistory

router = APIRouter(tags=["cluster"], route_class=DecodedRoute)

TheReader = Annotated[StatusHistoryReader, Depends(provided(StatusHistoryReader))]


class Wanted(BaseModel):
    """Which events: at most *limit* a page, from before the place that *before* names."""

    limit: int = Field(default=50, ge=1, le=200)
    before: str | None = Field(default=None, pattern=r"^[0-9]{1,16}\.[A-Za-z0-9]{1,64}$")
    since_unix_ms: int = Field(default=0, ge=0, le=LATEST_UNIX_MS)
    node: str | None = Field(default=None, max_length=63)

    def as_question(self) -> ReadStatusHistory:
        at, _, id_ = (self.before or "").partition(".")
        return ReadStatusHistory(
            before=(to_integer(at), id_) if self.before else None,
            since_unix_ms=self.since_unix_ms,
            node=None if self.node is None else NodeId(self.node),
            limit=self.limit,
        )


class StatusHistory(BaseModel):
    """One page of events, newest first; *next* is the following page, None after the last."""

    events: list[StatusLine]
    next: str | None


@router.get("/status/history")
async def read_status_history(
    reader: TheReader,
    caller: TheCaller,
    wanted: Annotated[Wanted, Query()],
    request: Request,
    response: Response,
) -> StatusHistory:
    """What happened, as any master that answers has kept it."""
    caller.require(Action.READ)
    answer = await reader.read(wanted.as_question())
    following = None
    if answer.next is not None:
        before = "{}.{}".format(*answer.next)
        query = {**wanted.model_dump(exclude_none=True), "before": before}
        following = link_next(request, response, query)
    return StatusHistory(events=list(answer.lines), next=following)
