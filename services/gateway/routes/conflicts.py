"""What a master had alone when the site went on without it: shown, and resolved by an operator."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from fastapi import APIRouter

from services.gateway.conflicts import READ_SECONDS
from services.gateway.core.access import Action
from services.gateway.operations import told
from services.gateway.routes.bodies import DecodedRoute
from services.gateway.routes.documents import HIDDEN
from services.gateway.routes.door import Door, TheCaller, TheDoor
from shared.api.conflicts import ConflictDecision, ConflictDetails, ConflictList, ConflictResult
from shared.documents import Kind
from shared.domain.conflict import ConflictChange, ConflictLine
from shared.domain.errors import NotFound
from shared.domain.ids import RequestId, Revision
from shared.events.config import ProposedChange
from shared.events.conflict import ReadConflict, ResolveConflict

router = APIRouter(tags=["cluster"], route_class=DecodedRoute)


@router.get("/conflicts")
async def list_conflicts(door: TheDoor, caller: TheCaller) -> ConflictList:
    """What each master had alone, and what became of it."""
    caller.require(Action.READ)
    return await door.conflicts.listed()


@router.get("/conflicts/{id_}")
async def show_conflict(id_: str, door: TheDoor, caller: TheCaller) -> ConflictDetails:
    """The last change of each document that one master had alone."""
    caller.require(Action.READ)
    line = await _found(door, id_)
    changes = await _changes(door, line)
    return ConflictDetails(conflict=line, changes=tuple(map(_without_secrets, changes)))


@router.post("/conflicts/{id_}")
async def resolve_conflict(
    id_: str, decision: ConflictDecision, door: TheDoor, caller: TheCaller
) -> ConflictResult:
    """Put its documents into the site as a new change, or give them up."""
    caller.require(Action.OPERATE)
    line = await _found(door, id_)
    with told(door, f"conflict {id_}: {decision.resolution}", caller.user, [line.node]):
        revision = None
        if decision.resolution == "apply" and not line.resolution:
            revision = await _apply(door, line, caller.user)
        kept = "applied" if decision.resolution == "apply" else "discarded"
        order = ResolveConflict(node=line.node, id=id_, resolution=kept, author=caller.user)
        answer = await door.publisher.ask(order, timeout_seconds=READ_SECONDS)
    return ConflictResult(conflict=answer.line, revision=revision)


async def _found(door: Door, id_: str) -> ConflictLine:
    """The conflict called *id_*; an open one first, where a backup brought it to another master."""
    listed = await door.conflicts.listed()
    for line in sorted(listed.conflicts, key=lambda each: each.resolution != ""):
        if line.id == id_:
            return line
    silent = f"; {', '.join(listed.silent)} did not answer" if listed.silent else ""
    raise NotFound(f"no master keeps a conflict {id_!r}{silent}; see `meridian conflicts list`")


async def _changes(door: Door, line: ConflictLine) -> list[ConflictChange]:
    changes: list[ConflictChange] = []
    begin: int | None = 0
    while begin is not None:
        question = ReadConflict(node=line.node, id=line.id, begin=begin)
        part = await door.publisher.ask(question, timeout_seconds=READ_SECONDS)
        changes += part.changes
        begin = part.next
    return changes


async def _apply(door: Door, line: ConflictLine, author: str) -> Revision:
    """Its documents as one change; one that was deleted there and here is no part of it."""
    state = await door.configuration.read()
    there = {(each.kind, each.id): each.body for each in state.documents}
    changes = [
        ProposedChange(kind=each.kind, id=each.id, op=each.op, body=_usable(door, each, there))
        for each in await _changes(door, line)
        if each.op == "put" or (each.kind, each.id) in there
    ]
    if not changes:
        return state.revision
    request = RequestId(f"conflict-{line.id}")
    return (await door.configuration.propose(request, author, changes)).revision


def _usable(
    door: Door, change: ConflictChange, there: Mapping[tuple[str, str], Mapping[str, Any]]
) -> dict[str, Any] | None:
    """The body of *change*, without a password that another site's secret sealed.

    Such a user keeps the password that they have *there*, or has none until one is set.
    """
    body = change.body
    if change.kind != Kind.USER or body is None:
        return body
    if door.backups.passwords.opens(str(body.get("password_hash", ""))):
        return body
    here = there.get((change.kind, change.id), {})
    return {**body, "password_hash": here.get("password_hash", "")}


def _without_secrets(change: ConflictChange) -> ConflictChange:
    body = change.body
    shown = None if body is None else {k: v for k, v in body.items() if k not in HIDDEN}
    return replace(change, body=shown)
