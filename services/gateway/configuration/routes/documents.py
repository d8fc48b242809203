"""The configuration over HTTP: read and write single documents, apply and export all of them.

Every document carries its revision as an entity tag; `If-Match` makes a write conditional and
answers 412 when somebody was faster. `Idempotency-Key` names a change, so that repeating the
request changes nothing twice.
"""

from typing import Annotated, Any

from fastapi import APIRouter, Depends, Header, Path, Query, Request, Response
from pydantic import BaseModel, ConfigDict, Field

from services.gateway.access.callers import TheCaller
from services.gateway.configuration.core import Edit, Planned, Ref
from services.gateway.configuration.editor import Apply, Editor
from services.gateway.configuration.proposals import Configuration
from services.gateway.core.roles import Action
from services.gateway.http.bodies import DecodedRoute
from services.gateway.http.paging import link_next
from services.gateway.http.provided import provided
from services.gateway.http.requests import ExpectedRevision, TheRequestId
from shared.documents import COLLECTIONS, SITE_ID, Kind
from shared.domain.errors import NotFound
from shared.events.config import ChangesAccepted, StoredDocument

router = APIRouter(tags=["configuration"], route_class=DecodedRoute)

HIDDEN = frozenset({"password_hash"})

TheConfiguration = Annotated[Configuration, Depends(provided(Configuration))]
TheEditor = Annotated[Editor, Depends(provided(Editor))]


def authorised_edit(
    caller: TheCaller, request_id: TheRequestId, expected: ExpectedRevision
) -> Edit:
    """The edit of a caller who may change the configuration.

    Raises:
        Forbidden: the role does not allow it.
    """
    caller.require(Action.CONFIGURE)
    return Edit(caller.user, request_id, expected)


TheEdit = Annotated[Edit, Depends(authorised_edit)]


class Shown(BaseModel):
    """A document as people see it: without what is sealed."""

    kind: str
    id: str
    revision: int
    body: dict[str, Any]


class Listed(BaseModel):
    """One page of a kind's documents; *next* is where the following one is, None after the last."""

    revision: int
    documents: list[Shown]
    next: str | None


class Part(BaseModel):
    """Which page: at most *limit* documents, from behind the one called *after*."""

    limit: int = Field(default=100, ge=1, le=1_000)
    after: str | None = Field(default=None, max_length=200)


class NewDocument(BaseModel):
    """A document to create."""

    model_config = ConfigDict(extra="forbid")

    id: str = Field(min_length=1, max_length=200)
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
async def export(configuration: TheConfiguration, caller: TheCaller) -> Exported:
    """The whole configuration, secrets left out."""
    caller.require(Action.READ)
    found = await configuration.read()
    return Exported(revision=found.revision, documents=[_shown(each) for each in found.documents])


@router.post("/apply")
async def apply(
    body: Apply, editor: TheEditor, caller: TheCaller, request_id: TheRequestId
) -> Applied:
    """Make the configuration what the body says; `dry_run` only lists the changes."""
    caller.require(Action.READ if body.dry_run else Action.CONFIGURE)
    changes, revision = await editor.apply(body, Edit(caller.user, request_id))
    return Applied(changes=[shown_change(each) for each in changes], revision=revision)


@router.get("/site")
async def read_site(
    configuration: TheConfiguration, caller: TheCaller, response: Response
) -> Shown:
    """The site's settings."""
    caller.require(Action.READ)
    return await _read(configuration, (Kind.SITE, SITE_ID), response)


@router.put("/site")
async def write_site(
    body: dict[str, Any], editor: TheEditor, edit: TheEdit, response: Response
) -> ChangesAccepted:
    """Replace the site's settings."""
    accepted = await editor.put((Kind.SITE, SITE_ID), body, edit)
    return _tagged(accepted, response)


def the_kind(collection: str) -> Kind:
    """The kind of the documents in *collection*.

    Raises:
        NotFound: there is no such collection.
    """
    if collection not in COLLECTIONS:
        known = ", ".join(COLLECTIONS)
        raise NotFound(f"there is no collection {collection!r}; there are {known}")
    return COLLECTIONS[collection]


TheKind = Annotated[Kind, Depends(the_kind)]


def the_ref(kind: TheKind, id_: Annotated[str, Path(max_length=200)]) -> Ref:
    return kind, id_


TheRef = Annotated[Ref, Depends(the_ref)]


@router.get("/{collection}")
async def read_all(
    kind: TheKind,
    configuration: TheConfiguration,
    caller: TheCaller,
    request: Request,
    response: Response,
    part: Annotated[Part, Query()],
) -> Listed:
    """The documents of one kind, page by page: `next` (and the header `Link`) is the next one."""
    caller.require(Action.READ)
    found = await configuration.page(kind, part.limit, part.after)
    following = None
    if found.next is not None:
        query = {"limit": part.limit, "after": found.next[1]}
        following = link_next(request, response, query)
    documents = [_shown(each) for each in found.documents]
    return Listed(revision=found.revision, documents=documents, next=following)


@router.post("/{collection}", status_code=201)
async def create_one(
    kind: TheKind, body: NewDocument, editor: TheEditor, edit: TheEdit, response: Response
) -> ChangesAccepted:
    """Create a document; refused when there is one of that name."""
    accepted = await editor.create((kind, body.id), body.body, edit)
    return _tagged(accepted, response)


@router.get(
    "/{collection}/{id_}",
    response_model=Shown,
    responses={304: {"description": "It is as the tag says"}},
)
async def read_one(
    ref: TheRef,
    configuration: TheConfiguration,
    caller: TheCaller,
    response: Response,
    if_none_match: Annotated[str | None, Header()] = None,
    *,
    current: bool = False,
) -> Shown | Response:
    """One document; with `If-None-Match` only when it is another than the one with that tag.

    With `?current=true` as it is now: the primary alone answers for that, and nobody without one.
    """
    caller.require(Action.READ)
    found = await _read(configuration, ref, response, is_current=current)
    if if_none_match is not None and if_none_match.strip() in {"*", response.headers["ETag"]}:
        return Response(None, 304, {"ETag": response.headers["ETag"]})
    return found


@router.put("/{collection}/{id_}")
async def write_one(
    ref: TheRef, body: dict[str, Any], editor: TheEditor, edit: TheEdit, response: Response
) -> ChangesAccepted:
    """Create or replace one document."""
    accepted = await editor.put(ref, body, edit)
    return _tagged(accepted, response)


@router.delete("/{collection}/{id_}")
async def delete_one(ref: TheRef, editor: TheEditor, edit: TheEdit) -> ChangesAccepted:
    """Delete one document."""
    return await editor.delete(ref, edit)


async def _read(
    configuration: Configuration, ref: Ref, response: Response, *, is_current: bool = False
) -> Shown:
    document = await configuration.document(*ref, is_current=is_current)
    response.headers["ETag"] = f'"{document.revision}"'
    return _shown(document)


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


def shown_change(change: Planned) -> ShownChange:
    before, after = (None if body is None else dict(body) for body in (change.before, change.after))
    for name in HIDDEN:
        old, new = (None if body is None else body.pop(name, None) for body in (before, after))
        if before is not None and after is not None and old != new:
            before[name], after[name] = "(old)", "(new)"
    return ShownChange(op=change.op, kind=change.kind, id=change.id, before=before, after=after)
