"""What a master had alone when the site went on without it: shown, and resolved by an operator."""

import asyncio
from typing import Final, Literal

from fastapi import APIRouter
from pydantic import BaseModel

from services.gateway.core.access import Action
from services.gateway.operations import told
from services.gateway.routes.documents import HIDDEN
from services.gateway.routes.door import Door, TheCaller, TheDoor
from shared.domain.errors import NotFound, Unavailable
from shared.domain.ids import NodeId, RequestId, Revision
from shared.domain.node import NodeRole
from shared.events.config import ProposedChange
from shared.events.conflict import (
    ConflictChange,
    ConflictLine,
    ConflictRead,
    ConflictsRead,
    ReadConflict,
    ReadConflicts,
    ResolveConflict,
)

router = APIRouter(tags=["cluster"])

READ_SECONDS: Final = 4.0


class ConflictList(BaseModel):
    """Every conflict of every master that answered; *silent* are those that did not."""

    conflicts: list[ConflictLine]
    silent: list[NodeId]


class WholeConflict(BaseModel):
    """A conflict and the last change of each document in it, secrets left out."""

    conflict: ConflictLine
    changes: list[ConflictChange]


class Decision(BaseModel):
    """What is to become of it: its documents are put into the site again, or given up."""

    resolution: Literal["apply", "discard"]


class Resolved(BaseModel):
    """The conflict as it is now; *revision* is where its documents are in the log."""

    conflict: ConflictLine
    revision: Revision | None = None


@router.get("/conflicts")
async def list_conflicts(door: TheDoor, caller: TheCaller) -> ConflictList:
    """What each master had alone, and what became of it."""
    caller.require(Action.READ)
    return await _listed(door)


@router.get("/conflicts/{id_}")
async def show_conflict(id_: str, door: TheDoor, caller: TheCaller) -> WholeConflict:
    """The last change of each document that one master had alone."""
    caller.require(Action.READ)
    line = await _found(door, id_)
    changes = await _changes(door, line)
    return WholeConflict(conflict=line, changes=[_without_secrets(each) for each in changes])


@router.post("/conflicts/{id_}")
async def resolve_conflict(
    id_: str, decision: Decision, door: TheDoor, caller: TheCaller
) -> Resolved:
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
    assert isinstance(answer, ConflictLine), "an order is answered by its reply type"
    return Resolved(conflict=answer, revision=revision)


async def _listed(door: Door) -> ConflictList:
    nodes = door.directory.nodes.items()
    masters = sorted(node for node, each in nodes if each.role is NodeRole.MASTER)
    answers = await asyncio.gather(*(_of(door, node) for node in masters))
    found = [line for answer in answers if answer is not None for line in answer.conflicts]
    silent = [node for node, answer in zip(masters, answers, strict=True) if answer is None]
    return ConflictList(conflicts=found, silent=silent)


async def _of(door: Door, node: NodeId) -> ConflictsRead | None:
    try:
        answer = await door.publisher.ask(ReadConflicts(node=node), timeout_seconds=READ_SECONDS)
    except Unavailable:
        return None
    assert isinstance(answer, ConflictsRead), "a question is answered by its reply type"
    return answer


async def _found(door: Door, id_: str) -> ConflictLine:
    listed = await _listed(door)
    for line in listed.conflicts:
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
        assert isinstance(part, ConflictRead), "a question is answered by its reply type"
        changes += part.changes
        begin = part.next
    return changes


async def _apply(door: Door, line: ConflictLine, author: str) -> Revision:
    """Its documents as one change; one that was deleted there and here is no part of it."""
    state = await door.configuration.read()
    there = {(each.kind, each.id) for each in state.documents}
    changes = [
        ProposedChange(kind=each.kind, id=each.id, op=each.op, body=each.body)
        for each in await _changes(door, line)
        if each.op == "put" or (each.kind, each.id) in there
    ]
    if not changes:
        return state.revision
    request = RequestId(f"conflict-{line.id}")
    return (await door.configuration.propose(request, author, changes)).revision


def _without_secrets(change: ConflictChange) -> ConflictChange:
    body = change.body
    shown = None if body is None else {k: v for k, v in body.items() if k not in HIDDEN}
    return change.model_copy(update={"body": shown})
