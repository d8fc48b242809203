"""All documents at one revision, as the cluster log left them."""

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

from shared.documents import Kind
from shared.domain.ids import Revision

Ref = tuple[str, str]
"""A document's kind and id."""


@dataclass(frozen=True, slots=True)
class Stored:
    """A document as it stands, and the revision that made it so."""

    revision: Revision
    body: Mapping[str, Any]


class Documents:
    """All documents at one revision."""

    def __init__(self, stored: Mapping[Ref, Stored]) -> None:
        self._stored = dict(stored)

    def get(self, kind: str, id_: str) -> Stored | None:
        return self._stored.get((kind, id_))

    def of(self, kind: Kind) -> Mapping[str, Mapping[str, Any]]:
        """The bodies of one kind by id."""
        return MappingProxyType(
            {id_: each.body for (other, id_), each in self._stored.items() if other == kind}
        )

    def __len__(self) -> int:
        return len(self._stored)

    def with_(self, changes: Mapping[Ref, Mapping[str, Any] | None], at: Revision) -> "Documents":
        """These documents after *changes* (None deletes) were made at revision *at*."""
        after = dict(self._stored)
        for ref, body in changes.items():
            if body is None:
                after.pop(ref, None)
            else:
                after[ref] = Stored(at, body)
        return Documents(after)
