"""Decides which nodes may take a client at all, and names the one reason why another may not.

The checks go from what an administrator configured to what a node said last, so the reason given
is the one to mend first.
"""

from dataclasses import dataclass

from services.node_selector.core.liveness import Seen
from shared.documents.node import NodeDocument
from shared.domain.ids import NodeId
from shared.domain.node import Liveness, NodeRole


@dataclass(frozen=True, slots=True)
class Candidate:
    """One node of the directory with what is known of its relay now.

    *is_doubtful* says that its silence is not believed.
    """

    node: NodeId
    document: NodeDocument
    seen: Seen | None
    is_doubtful: bool = False


def why_not(candidate: Candidate, version: str) -> str | None:
    """The reason why *candidate* takes no client of a site that runs *version*; None: it may."""
    document = candidate.document
    if document.role is not NodeRole.TRAFFIC:
        return f"a {document.role}, not a traffic node"
    if not document.accepting_new_clients:
        return "not accepting new clients"
    return why_unable(candidate, version, document.capacity)


def why_unable(candidate: Candidate, version: str, capacity: int) -> str | None:
    """The reason why the relay of *candidate*, whatever its role, cannot carry one session more."""
    if candidate.document.public_address is None:
        return "no public address"
    if candidate.seen is None:
        return "no heartbeat yet"
    return _why_unfit(candidate.seen, version, capacity)


def _why_unfit(seen: Seen, version: str, capacity: int) -> str | None:
    if seen.liveness is not Liveness.ALIVE:
        return f"{seen.liveness}: silent for {seen.silent_seconds:.1f} s"
    if seen.load.draining:
        return "draining"
    if seen.load.sessions >= capacity:
        return f"full: {seen.load.sessions} of {capacity} sessions"
    if not compatible(seen.load.version, version):
        return f"version {seen.load.version} does not go with {version}"
    return None


def compatible(theirs: str, ours: str) -> bool:
    """Whether two versions may serve one site: the same first number, so nodes upgrade in turn."""
    return theirs.partition(".")[0] == ours.partition(".")[0]
