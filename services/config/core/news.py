"""What changed since a place in the log: its entries' changes, folded into what they leave."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from shared.domain.log import CONTROL_KIND, LogEntry, Op
from shared.events.config import StoredDocument

Name = tuple[str, str]


@dataclass(frozen=True, slots=True)
class News:
    """The documents as they are now, of those that changed, and the names of those that are gone.

    A name may be gone that whoever asks has never known.
    """

    documents: tuple[StoredDocument, ...]
    gone: tuple[Name, ...]


def news(entries: Iterable[LogEntry], kinds: Sequence[str]) -> News:
    """What *entries*, oldest first, did to documents of *kinds* (all when empty)."""
    left: dict[Name, StoredDocument | None] = {}
    for entry in entries:
        for change in entry.changes:
            name = change.kind, change.id
            if change.kind == CONTROL_KIND or (kinds and change.kind not in kinds):
                continue
            if change.op is Op.DELETE:
                left[name] = None
            elif change.body is not None:
                left[name] = StoredDocument(
                    kind=change.kind, id=change.id, revision=entry.revision, body=change.body
                )
    return News(
        documents=tuple(document for document in left.values() if document is not None),
        gone=tuple(name for name, document in left.items() if document is None),
    )
