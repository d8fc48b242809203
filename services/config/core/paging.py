"""How many documents one answer holds: as many as were asked for and as fit into a message."""

import json
from collections.abc import Mapping, Sequence
from typing import Any, Final, Protocol, TypeVar

PAGE_BYTES: Final = 512 * 1024
"""Half of the broker's message; what stands around the bodies takes the rest."""

PAGE_ROWS: Final = 1_000
"""Most documents of one answer, however small they are."""

AROUND_BYTES: Final = 100

Position = tuple[str, str]
"""The kind and id of the last document of a page: the next page begins after it."""


class Named(Protocol):
    """A document with its name."""

    @property
    def kind(self) -> str: ...
    @property
    def id(self) -> str: ...
    @property
    def body(self) -> Mapping[str, Any]: ...


R = TypeVar("R", bound=Named)


def rows_wanted(limit: int | None) -> int:
    """How many rows to read for a page of *limit*: one more tells whether another one follows."""
    return min(PAGE_ROWS, limit or PAGE_ROWS) + 1


def cut(rows: Sequence[R], limit: int | None) -> tuple[Sequence[R], Position | None]:
    """The first of *rows* that make a page, at least one, and where the next one begins."""
    most = min(PAGE_ROWS, limit or PAGE_ROWS)
    size = 0
    for count, row in enumerate(rows):
        size += len(json.dumps([row.id, row.body], ensure_ascii=False).encode()) + AROUND_BYTES
        if count and (count == most or size > PAGE_BYTES):
            last = rows[count - 1]
            return rows[:count], (last.kind, last.id)
    return rows, None
