"""The changes that a master had alone when the site went on without it, and their resolution."""

from typing import Literal

from pydantic import TypeAdapter

from shared.api.call import Call, path_of
from shared.api.model import ApiModel
from shared.domain.conflict import ConflictChange, ConflictLine
from shared.domain.ids import NodeId, Revision


class ConflictList(ApiModel):
    """Every conflict of every master that answered; *silent* are those that did not."""

    conflicts: tuple[ConflictLine, ...]
    silent: tuple[NodeId, ...]


class ConflictDetails(ApiModel):
    """A conflict and the last change of each document in it, secrets left out."""

    conflict: ConflictLine
    changes: tuple[ConflictChange, ...]


class ConflictDecision(ApiModel):
    """The decision on a conflict: its documents are put into the site again, or given up."""

    resolution: Literal["apply", "discard"]


class ConflictResult(ApiModel):
    """The conflict as it is now; *revision* is where its documents are in the log."""

    conflict: ConflictLine
    revision: Revision | None = None


def list_conflicts() -> Call[ConflictList]:
    """List what each master had alone, and what became of it."""
    return Call("GET", "/conflicts", TypeAdapter(ConflictList))


def read_conflict(id_: str) -> Call[ConflictDetails]:
    """The last change of each document that one master had alone."""
    return Call("GET", path_of("conflicts", id_), TypeAdapter(ConflictDetails))


def resolve_conflict(id_: str, decision: ConflictDecision) -> Call[ConflictResult]:
    """Put the documents of a conflict into the site as a new change, or give them up."""
    return Call("POST", path_of("conflicts", id_), TypeAdapter(ConflictResult), decision)
