"""One line of the two histories: the configuration's changes, and the site's status."""

from dataclasses import dataclass
from typing import Any

from shared.domain.ids import Epoch, LogGeneration, NodeId, Revision


@dataclass(frozen=True, slots=True)
class NamedChange:
    """One change of a document, by its name: what it did, not what it wrote."""

    op: str
    kind: str
    id: str


@dataclass(frozen=True, slots=True)
class HistoryLine:
    """The changes of one request at one revision: their *count*, and the first of them by name."""

    log_generation: LogGeneration
    revision: Revision
    epoch: Epoch
    at_unix_ms: int
    author: str
    count: int
    changes: tuple[NamedChange, ...]


@dataclass(frozen=True, slots=True)
class Repetition:
    """*what* happened so many *times*, from one moment to another, among *changes* in all."""

    what: str
    times: int
    first_unix_ms: int
    last_unix_ms: int
    changes: int


@dataclass(frozen=True, slots=True)
class StatusLine:
    """One event of the site's history, which *speaker* reported: a *sentence*, and its *body*.

    *lasted_ms* is how long the state that it reports lasted; None while it lasts, or where there is
    nothing that could last. *repeated* says of a folded line what it stands for.
    """

    id: str
    at_unix_ms: int
    speaker: NodeId
    fact: str
    nodes: tuple[str, ...]
    sentence: str
    body: dict[str, Any]
    is_state: bool = False
    lasted_ms: int | None = None
    repeated: Repetition | None = None
