"""Who changed what, when: the cluster log for people."""

from typing import Annotated, Final
from urllib.parse import urlencode

from fastapi import APIRouter, Query, Request, Response
from pydantic import BaseModel, Field

from services.gateway.core.access import Action
from services.gateway.operations import told
from services.gateway.routes.bodies import DecodedRoute
from services.gateway.routes.door import TheCaller, TheDoor
from services.gateway.verifying import CopyReport, verify_copies
from shared.decoding.text import to_integer
from shared.domain.history import HistoryLine
from shared.domain.ids import LATEST_UNIX_MS
from shared.domain.node import NodeRole
from shared.events.config import GenerationBegun, ReadHistory, RebuildLog

router = APIRouter(tags=["configuration"], route_class=DecodedRoute)

REBUILD_SECONDS: Final = 40.0


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


@router.get("/log/verify")
async def verify_log(door: TheDoor, caller: TheCaller) -> list[CopyReport]:
    """Walk the hash chain in the log and in every master's database; it may take a while."""
    caller.require(Action.READ)
    nodes = door.directory.nodes.items()
    masters = sorted(node for node, each in nodes if each.role is NodeRole.MASTER)
    return await verify_copies(door.publisher, masters)


@router.post("/log/rebuild")
async def rebuild_log(wish: Rebuild, door: TheDoor, caller: TheCaller) -> GenerationBegun:
    """Begin the log anew from the masters' databases, after its servers lost every file of it."""
    caller.require(Action.OPERATE)
    order = RebuildLog(node=door.node, author=caller.user, **wish.model_dump())
    with told(door, "log rebuild", caller.user):
        return await door.publisher.ask(order, timeout_seconds=REBUILD_SECONDS)


@router.get("/log")
async def read_log(
    door: TheDoor,
    caller: TheCaller,
    wanted: Annotated[Wanted, Query()],
    request: Request,
    response: Response,
) -> History:
    """The changes of the configuration; a page may hold fewer lines than asked for, even none."""
    caller.require(Action.READ)
    found = await door.configuration.history(wanted.as_question())
    following = None
    if found.next is not None:
        before = "{}.{}".format(*found.next)
        query = urlencode({**wanted.model_dump(exclude_none=True), "before": before})
        following = f"{request.url.path}?{query}"
        response.headers["Link"] = f'<{following}>; rel="next"'
    return History(lines=list(found.lines), next=following)
