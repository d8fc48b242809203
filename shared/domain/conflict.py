"""A conflict: the entries that one master had alone, and the changes in them."""

from dataclasses import dataclass
from typing import Any, Literal

from shared.domain.ids import LogGeneration, NodeId, Revision

Resolution = Literal["applied", "discarded"]


@dataclass(frozen=True, slots=True)
class ConflictLine:
    """*node* alone had the entries after *ancestor* up to *revision*.

    They leave *count* documents another way; *resolution* is empty while nobody has decided.
    """

    id: str
    node: NodeId
    at_unix_ms: int
    log_generation: LogGeneration
    revision: Revision
    ancestor: Revision
    count: int
    resolution: str = ""
    resolved_by: str = ""


@dataclass(frozen=True, slots=True)
class ConflictChange:
    """The last change of one document: its *body* as it was left, None when it was deleted."""

    kind: str
    id: str
    op: Literal["put", "delete"]
    body: dict[str, Any] | None
    author: str
    revision: Revision
