"""HTTP of the configuration: read and write single documents, export all of them.

Every document carries its revision as an entity tag; `If-Match` makes a write conditional and
answers 412 when somebody was faster. `Idempotency-Key` names a change, so that repeating the
request changes nothing twice.
"""

from typing import Annotated, Any

from fastapi import APIRouter, Depends, Header, Query, Request, Response

from services.gateway.access.callers import TheCaller
from services.gateway.access.signed_in_bodies import SignedInBody
from services.gateway.configuration.core import Edit, Planned
from services.gateway.configuration.editor import Editor
from services.gateway.configuration.reader import ConfigurationReader
from services.gateway.core.roles import Action
from services.gateway.http.paging import link_next
from services.gateway.http.provided import provided
from services.gateway.http.requests import ExpectedRevision, TheRequestId
from shared.api.documents import (
    ChangeResult,
    DocumentChange,
    DocumentsPage,
    DocumentsQuery,
    DocumentView,
    Export,
    NewDocument,
)
from shared.api.model import Name
from shared.documents import COLLECTIONS, SITE_ID, Kind
from shared.domain.document import Document, Ref
from shared.domain.errors import NotFound
from shared.events.config import ChangesAccepted

router = APIRouter(tags=["configuration"], route_class=SignedInBody)

HIDDEN = frozenset({"password_hash"})

TheReader = Annotated[ConfigurationReader, Depends(provided(ConfigurationReader))]
TheEditor = Annotated[Editor, Depends(provided(Editor))]


async def authorised_edit(
    caller: TheCaller, request_id: TheRequestId, expected: ExpectedRevision
) -> Edit:
    """Return the edit of a caller who may change the configuration.

    Raises:
        Forbidden: the role does not allow it.
    """
    caller.require(Action.CONFIGURE)
    return Edit(caller.user, request_id, expected)


TheEdit = Annotated[Edit, Depends(authorised_edit)]


@router.get("/export")
async def export(reader: TheReader, caller: TheCaller) -> Export:
    """Return the whole configuration, secrets left out."""
    caller.require(Action.READ)
    found = await reader.read()
    documents = tuple(_shown(each) for each in found.documents)
    return Export(revision=found.revision, documents=documents)


@router.get("/site")
async def read_site(reader: TheReader, caller: TheCaller, response: Response) -> DocumentView:
    """Return the site's settings."""
    caller.require(Action.READ)
    return await _read(reader, Ref(Kind.SITE, SITE_ID), response)


@router.put("/site")
async def write_site(
    body: dict[str, Any], editor: TheEditor, edit: TheEdit, response: Response
) -> ChangeResult:
    """Replace the site's settings."""
    accepted = await editor.put(Ref(Kind.SITE, SITE_ID), body, edit)
    return _tagged(accepted, response)


async def the_kind(collection: str) -> Kind:
    """Return the kind of the documents in *collection*.

    Raises:
        NotFound: there is no such collection.
    """
    if collection not in COLLECTIONS:
        known = ", ".join(COLLECTIONS)
        raise NotFound(f"there is no collection {collection!r}; there are {known}")
    return COLLECTIONS[collection]


TheKind = Annotated[Kind, Depends(the_kind)]


async def the_ref(kind: TheKind, id_: Name) -> Ref:
    return Ref(kind, id_)


TheRef = Annotated[Ref, Depends(the_ref)]


@router.get("/{collection}")
async def read_all(
    kind: TheKind,
    reader: TheReader,
    caller: TheCaller,
    request: Request,
    response: Response,
    query: Annotated[DocumentsQuery, Query()],
) -> DocumentsPage:
    """List the documents of one kind, page by page: `next` (and header `Link`) is the next page."""
    caller.require(Action.READ)
    found = await reader.page(kind, query.limit, query.after)
    following = None
    if found.next is not None:
        following = link_next(request, response, query, after=found.next[1])
    documents = tuple(_shown(each) for each in found.documents)
    return DocumentsPage(revision=found.revision, items=documents, next=following)


@router.post("/{collection}", status_code=201)
async def create_one(
    kind: TheKind, body: NewDocument, editor: TheEditor, edit: TheEdit, response: Response
) -> ChangeResult:
    """Create a document; refused when there is one of that name."""
    accepted = await editor.create(Ref(kind, body.id), body.body, edit)
    return _tagged(accepted, response)


@router.get(
    "/{collection}/{id_}",
    response_model=DocumentView,
    responses={304: {"description": "The document has the revision of the tag"}},
)
async def read_one(
    ref: TheRef,
    reader: TheReader,
    caller: TheCaller,
    response: Response,
    if_none_match: Annotated[str | None, Header()] = None,
    *,
    current: bool = False,
) -> DocumentView | Response:
    """Return one document; with `If-None-Match` only when its tag is another one.

    With `?current=true` as it is now: the primary alone answers for that, and nobody without one.
    """
    caller.require(Action.READ)
    found = await _read(reader, ref, response, is_current=current)
    if if_none_match is not None and if_none_match.strip() in {"*", response.headers["ETag"]}:
        return Response(None, 304, {"ETag": response.headers["ETag"]})
    return found


@router.put("/{collection}/{id_}")
async def write_one(
    ref: TheRef, body: dict[str, Any], editor: TheEditor, edit: TheEdit, response: Response
) -> ChangeResult:
    """Create or replace one document."""
    accepted = await editor.put(ref, body, edit)
    return _tagged(accepted, response)


@router.delete("/{collection}/{id_}")
async def delete_one(ref: TheRef, editor: TheEditor, edit: TheEdit) -> ChangeResult:
    """Delete one document."""
    accepted = await editor.delete(ref, edit)
    return ChangeResult.model_validate(accepted, from_attributes=True)


async def _read(
    reader: ConfigurationReader, ref: Ref, response: Response, *, is_current: bool = False
) -> DocumentView:
    document = await reader.document(Kind(ref.kind), ref.id, is_current=is_current)
    response.headers["ETag"] = f'"{document.revision}"'
    return _shown(document)


def _tagged(accepted: ChangesAccepted, response: Response) -> ChangeResult:
    response.headers["ETag"] = f'"{accepted.revision}"'
    return ChangeResult.model_validate(accepted, from_attributes=True)


def _shown(document: Document) -> DocumentView:
    return DocumentView(
        kind=document.kind,
        id=document.id,
        revision=document.revision,
        body={name: value for name, value in document.body.items() if name not in HIDDEN},
    )


def shown_change(change: Planned) -> DocumentChange:
    before, after = (None if body is None else dict(body) for body in (change.before, change.after))
    for name in HIDDEN:
        old, new = (None if body is None else body.pop(name, None) for body in (before, after))
        if before is not None and after is not None and old != new:
            before[name], after[name] = "(old)", "(new)"
    return DocumentChange(op=change.op, kind=change.kind, id=change.id, before=before, after=after)
