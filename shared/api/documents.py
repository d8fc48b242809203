"""The configuration: single documents, pages of them, and all of them at once."""

from typing import Any, Final

from pydantic import ConfigDict, Field, TypeAdapter

from shared.api.call import Call, path_of
from shared.api.model import ApiModel, Name, Page, Parameters
from shared.documents import COLLECTIONS, SITE_ID, Kind
from shared.domain.ids import Revision
from shared.domain.log import ReplicationMode

APPLY_SECONDS: Final = 300.0
"""A whole site of ten thousand nodes takes many entries of the log, one after the other."""

MOST_DOCUMENTS: Final = 1_000

SECTIONS: Final = {kind: name for name, kind in COLLECTIONS.items()}


class DocumentView(ApiModel):
    """A document as people see it: without what is sealed."""

    kind: str
    id: str
    revision: int
    body: dict[str, Any]


class DocumentsPage(Page[DocumentView]):
    """One page of a kind's documents, as of *revision*."""

    revision: int


class DocumentsQuery(Parameters):
    """Selects a page: at most *limit* documents, from behind the one called *after*."""

    limit: int = Field(default=100, ge=1, le=MOST_DOCUMENTS)
    after: Name | None = None


class NewDocument(ApiModel):
    """A document to create."""

    model_config = ConfigDict(extra="forbid")

    id: str = Field(min_length=1, max_length=200)
    body: dict[str, Any]


class ChangeResult(ApiModel):
    """The changes are in the log at *revision*, and on the nodes that *durable_on* names."""

    revision: Revision
    durable_on: tuple[str, ...]
    mode: ReplicationMode


class DesiredDocument(ApiModel):
    """One document of an apply."""

    model_config = ConfigDict(extra="forbid")

    kind: Kind
    id: str = Field(min_length=1, max_length=200)
    body: dict[str, Any]


class ApplyRequest(ApiModel):
    """A whole configuration: its documents, and whether the others are deleted."""

    model_config = ConfigDict(extra="forbid")

    documents: tuple[DesiredDocument, ...]
    prune: bool = False
    dry_run: bool = False


class DocumentChange(ApiModel):
    """One difference of an apply."""

    op: str
    kind: str
    id: str
    before: dict[str, Any] | None
    after: dict[str, Any] | None


class ApplyResult(ApiModel):
    """The changes of an apply, made or planned; *revision* is None when nothing was written."""

    changes: tuple[DocumentChange, ...]
    revision: int | None


class Export(ApiModel):
    """Every document, as of *revision*."""

    revision: int
    documents: tuple[DocumentView, ...]


def apply(request: ApplyRequest) -> Call[ApplyResult]:
    """Make the configuration what *request* says."""
    return Call("POST", "/apply", TypeAdapter(ApplyResult), request, seconds=APPLY_SECONDS)


def export() -> Call[Export]:
    """The whole configuration, secrets left out."""
    return Call("GET", "/export", TypeAdapter(Export))


def list_documents(kind: Kind, query: DocumentsQuery) -> Call[Page[DocumentView]]:
    """The documents of one kind, page by page."""
    path = path_of(SECTIONS[kind], **query.as_texts())
    return Call("GET", path, TypeAdapter(Page[DocumentView]))


def read_document(kind: Kind, id_: str) -> Call[DocumentView]:
    """One document."""
    return Call("GET", _path(kind, id_), TypeAdapter(DocumentView))


def write_document(kind: Kind, id_: str, body: dict[str, Any], expected: int) -> Call[ChangeResult]:
    """Replace a document, if it is still of revision *expected*."""
    headers = {"If-Match": f'"{expected}"'}
    return Call("PUT", _path(kind, id_), TypeAdapter(ChangeResult), body, headers)


def _path(kind: Kind, id_: str) -> str:
    return path_of("site") if (kind, id_) == (Kind.SITE, SITE_ID) else path_of(SECTIONS[kind], id_)
