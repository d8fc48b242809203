"""Folds the changes of entries into the documents that changed since a position in the log."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from shared.domain.document import Document, Ref
from shared.domain.log import CONTROL_KIND, LogEntry, Op


@dataclass(frozen=True, slots=True)
class ChangedDocuments:
    """The documents that changed, as they are now, and the names of those that are gone.

    A name may be gone that the reader has never known.
    """

    documents: tuple[Document, ...]
    gone: tuple[Ref, ...]


def changed_documents(entries: Iterable[LogEntry], kinds: Sequence[str]) -> ChangedDocuments:
    """Fold what *entries*, oldest first, did to documents of *kinds* (all when empty)."""
    left: dict[Ref, Document | None] = {}
    for entry in entries:
        for change in entry.changes:
            ref = Ref(change.kind, change.id)
            if change.kind == CONTROL_KIND or (kinds and change.kind not in kinds):
                continue
            if change.op is Op.DELETE:
                left[ref] = None
            elif change.body is not None:
                left[ref] = Document(change.kind, change.id, entry.revision, change.body)
    return ChangedDocuments(
        documents=tuple(document for document in left.values() if document is not None),
        gone=tuple(ref for ref, document in left.items() if document is None),
    )
