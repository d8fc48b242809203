"""All documents at one revision, as the cluster log left them."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

from shared.documents import Kind
from shared.domain.document import Document, Ref
from shared.domain.ids import Revision


class Documents:
    """All documents at one revision."""

    def __init__(self, documents: Mapping[Ref, Document]) -> None:
        self._documents = dict(documents)

    def get(self, kind: str, id_: str) -> Document | None:
        return self.find(Ref(kind, id_))

    def find(self, ref: Ref) -> Document | None:
        return self._documents.get(ref)

    def of(self, kind: Kind) -> Mapping[str, Mapping[str, Any]]:
        """The bodies of one kind by id."""
        return MappingProxyType(
            {ref.id: each.body for ref, each in self._documents.items() if ref.kind == kind}
        )

    def __len__(self) -> int:
        return len(self._documents)

    def with_(self, changes: Mapping[Ref, dict[str, Any] | None], at: Revision) -> "Documents":
        """Return these documents after *changes* (None deletes) were made at revision *at*."""
        after = dict(self._documents)
        for ref, body in changes.items():
            if body is None:
                after.pop(ref, None)
            else:
                after[ref] = Document(ref.kind, ref.id, at, body)
        return Documents(after)
