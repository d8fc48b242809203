"""A document of the master state and its name, wherever one is read, stored, copied or shown."""

from dataclasses import dataclass
from typing import Any, NamedTuple

from shared.domain.ids import Revision


class Ref(NamedTuple):
    """The name of a document: its kind, and its id among those of that kind.

    A pair, so that messages and SQL hold it as one; *kind* may be unknown to this version.
    """

    kind: str
    id: str

    def __str__(self) -> str:
        return f"{self.kind}/{self.id}"


@dataclass(frozen=True, slots=True)
class Document:
    """A document as it stands, and the revision of the cluster log that last changed it."""

    kind: str
    id: str
    revision: Revision
    body: dict[str, Any]

    @property
    def ref(self) -> Ref:
        return Ref(self.kind, self.id)
