"""Decides how many documents one answer holds: those asked for, as far as a message holds them."""

import json
from collections.abc import Sequence
from typing import Final

from shared.domain.document import Document, Ref

PAGE_BYTES: Final = 512 * 1024
"""Half of the broker's message; what stands around the bodies takes the rest."""

PAGE_DOCUMENTS: Final = 1_000
"""Most documents of one answer, however small they are."""

AROUND_BYTES: Final = 100


def read_limit(limit: int | None) -> int:
    """Return how many documents to read for a page of *limit*: one more shows that others exist."""
    return min(PAGE_DOCUMENTS, limit or PAGE_DOCUMENTS) + 1


def first_page(
    documents: Sequence[Document], limit: int | None
) -> tuple[Sequence[Document], Ref | None]:
    """Return the first of *documents* that make a page, at least one.

    With it the last one's name, after which the next page begins; None when this is the last page.
    """
    most = min(PAGE_DOCUMENTS, limit or PAGE_DOCUMENTS)
    size = 0
    for count, each in enumerate(documents):
        size += len(json.dumps([each.id, each.body], ensure_ascii=False).encode()) + AROUND_BYTES
        if count and (count == most or size > PAGE_BYTES):
            return documents[:count], documents[count - 1].ref
    return documents, None
