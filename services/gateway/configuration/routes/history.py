"""Who changed what, when: the cluster log for people."""

from typing import Annotated

from fastapi import APIRouter, Depends, Query, Request, Response
from pydantic import BaseModel, Field

from services.gateway.access.callers import TheAuditLog, TheCaller
from services.gateway.configuration.proposals import Configuration
from services.gateway.configuration.verification import CopyReport, LogCopies
from services.gateway.core.roles import Action
from services.gateway.http.bodies import DecodedRoute
from services.gateway.http.paging import link_next
from services.gateway.http.provided import provided
from shared.decoding.text import to_integer
from shared.domain.history import HistoryLine
from shared.domain.ids import LATEST_UNIX_MS
from shared.events.config import GenerationBegun, ReadHistory

router = APIRouter(tags=["configuration"], route_class=DecodedRoute)


class Wanted(BaseModel):
    """Which changes: at most *limit* lines a page, from before the entry that *before* names."""

    limit: int = Field(default=50, ge=1, le=200)
    before: str | None = Field(default=None, pattern=r"^[0-9]{1,18}\.[0-9]{1,18}$")
    since_unix_ms: int = Field(default=0, ge=0, le=LATEST_UNIX_MS)
    kind: str | None = Field(default=None, max_length=200)
    author: str | None = Field(default=None, max_length=200)

    def as_question(self) -> ReadHistory:
        generation, _, revision = (self.before or "").partition(".")
        return ReadHistory(
            before=(to_integer(generation), to_integer(revision)) if self.before else None,
            **self.model_dump(exclude={"before"}),
        )


class History(BaseModel):
    """One page of lines, newest first; *next* is the following page, None after the last."""

    lines: list[HistoryLine]
    next: str | None


class Rebuild(BaseModel):
    """Why the log is rebuilt; *force* goes on without a master that cannot be asked."""

    force: bool = False
    reason: str = Field(default="", max_length=500)


TheConfiguration = Annotated[Configuration, Depends(provided(Configuration))]
TheLogCopies = Annotated[LogCopies, Depends(provided(LogCopies))]


@router.get("/log/verify")
async def verify_log(copies: TheLogCopies, caller: TheCaller) -> list[CopyReport]:
    """Walk the hash chain in the log and in every master's database; it may take a while."""
    caller.require(Action.READ)
    return await copies.verify()


@router.post("/log/rebuild")
async def rebuild_log(
    wish: Rebuild, copies: TheLogCopies, audit: TheAuditLog, caller: TheCaller
) -> GenerationBegun:
    """Begin the log anew from the masters' databases, after its servers lost every file of it."""
    caller.require(Action.OPERATE)
    with audit.record("log rebuild", caller.user):
        return await copies.rebuild(caller.user, **wish.model_dump())


@router.get("/log")
async def read_log(
    configuration: TheConfiguration,
    caller: TheCaller,
    wanted: Annotated[Wanted, Query()],
    request: Request,
    response: Response,
) -> History:
    """The changes of the configuration; a page may hold fewer lines than asked for, even none."""
    caller.require(Action.READ)
    found = await configuration.history(wanted.as_question())
    following = None
    if found.next is not None:
        before = "{}.{}".format(*found.next)
        query = {**wanted.model_dump(exclude_none=True), "before": before}
        following = link_next(request, response, query)
    return History(lines=list(found.lines), next=following)
