"""The configuration over HTTP: read and write single documents, apply and export all of them.

Every document carries its revision as an entity tag; `If-Match` makes a write conditional and
answers 412 when somebody was faster. `Idempotency-Key` names a change, so that repeating the
request changes nothing twice.
"""

from typing import Annotated, Any

from fastapi import APIRouter, Depends, Path, Response
from pydantic import BaseModel

from services.gateway.apply import Apply
from services.gateway.core.access import Action
from services.gateway.core.plan import Planned, Ref
from services.gateway.routes.door import TheCaller, TheDoor, TheEdit, TheRequestId
from shared.documents import COLLECTIONS, SITE_ID, Kind
from shared.domain.errors import NotFound
from shared.events.config import ChangesAccepted, StoredDocument

router = APIRouter(tags=["configuration"])

HIDDEN = frozenset({"password_hash"})


class Shown(BaseModel):
    """A document as people see it: without what is sealed."""

    kind: str
    id: str
    revision: int
    body: dict[str, Any]


class ShownChange(BaseModel):
    """One difference of an apply."""

    op: str
    kind: str
    id: str
    before: dict[str, Any] | None
    after: dict[str, Any] | None


class Applied(BaseModel):
    """What an apply changed, or would change; *revision* is None when nothing was written."""

    changes: list[ShownChange]
    revision: int | None


class Exported(BaseModel):
    """Every document, as of *revision*."""

    revision: int
    documents: list[Shown]


@router.get("/export")
async def export(door: TheDoor, caller: TheCaller) -> Exported:
    """The whole configuration, secrets left out."""
    caller.require(Action.READ)
    found = await door.configuration.read()
    return Exported(revision=found.revision, documents=[_shown(each) for each in found.documents])


@router.post("/apply")
async def apply(body: Apply, door: TheDoor, caller: TheCaller, request_id: TheRequestId) -> Applied:
    """Make the configuration what the body says; `dry_run` only tells."""
    caller.require(Action.READ if body.dry_run else Action.CONFIGURE)
    changes, revision = await door.editor.apply(body, (request_id, caller.user))
    return Applied(changes=[_shown_change(each) for each in changes], revision=revision)


@router.get("/site")
async def read_site(door: TheDoor, caller: TheCaller, response: Response) -> Shown:
    """The site's settings."""
    caller.require(Action.READ)
    return await _read(door, Kind.SITE, SITE_ID, response)


@router.put("/site")
async def write_site(
    body: dict[str, Any], door: TheDoor, edit: TheEdit, response: Response
) -> ChangesAccepted:
    """Replace the site's settings."""
    accepted = await door.editor.put((Kind.SITE, SITE_ID), body, edit.expected, edit.request)
    return _tagged(accepted, response)


Collection = Annotated[str, Path(pattern=f"^({'|'.join(COLLECTIONS)})$")]


def the_ref(collection: Collection, id_: Annotated[str, Path(max_length=200)]) -> Ref:
    return COLLECTIONS[collection], id_


TheRef = Annotated[Ref, Depends(the_ref)]


@router.get("/{collection}")
async def read_all(collection: Collection, door: TheDoor, caller: TheCaller) -> list[Shown]:
    """Every document of one kind."""
    caller.require(Action.READ)
    found = await door.configuration.read(COLLECTIONS[collection])
    return [_shown(each) for each in found.documents]


@router.get("/{collection}/{id_}")
async def read_one(ref: TheRef, door: TheDoor, caller: TheCaller, response: Response) -> Shown:
    """One document."""
    caller.require(Action.READ)
    return await _read(door, *ref, response)


@router.put("/{collection}/{id_}")
async def write_one(
    ref: TheRef, body: dict[str, Any], door: TheDoor, edit: TheEdit, response: Response
) -> ChangesAccepted:
    """Create or replace one document."""
    accepted = await door.editor.put(ref, body, edit.expected, edit.request)
    return _tagged(accepted, response)


@router.delete("/{collection}/{id_}")
async def delete_one(ref: TheRef, door: TheDoor, edit: TheEdit) -> ChangesAccepted:
    """Delete one document."""
    return await door.editor.delete(ref, edit.expected, edit.request)


async def _read(door: TheDoor, kind: Kind, id_: str, response: Response) -> Shown:
    found = await door.configuration.read(kind, id_=id_)
    for document in found.documents:
        if document.kind == kind and document.id == id_:
            response.headers["ETag"] = f'"{document.revision}"'
            return _shown(document)
    raise NotFound(f"there is no {kind} {id_!r}", kind=kind, id=id_)


def _tagged(accepted: ChangesAccepted, response: Response) -> ChangesAccepted:
    response.headers["ETag"] = f'"{accepted.revision}"'
    return accepted


def _shown(document: StoredDocument) -> Shown:
    return Shown(
        kind=document.kind,
        id=document.id,
        revision=document.revision,
        body={name: value for name, value in document.body.items() if name not in HIDDEN},
    )


def _shown_change(change: Planned) -> ShownChange:
    before, after = (None if body is None else dict(body) for body in (change.before, change.after))
    for name in HIDDEN:
        old, new = (None if body is None else body.pop(name, None) for body in (before, after))
        if before is not None and after is not None and old != new:
            before[name], after[name] = "(old)", "(new)"
    return ShownChange(op=change.op, kind=change.kind, id=change.id, before=before, after=after)
