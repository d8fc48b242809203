"""Decides which nodes may take a client at all, and names the one reason why another may not.

The checks go from what an administrator configured to what the node last reported, so the reason
is the one to fix first.
"""

import hashlib
from collections.abc import Container
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Final

from services.node_selector.core.live_state import RelayStatus
from shared.documents.node import NodeDocument
from shared.domain.ids import Instant, NodeId
from shared.domain.liveness import Liveness
from shared.domain.node import NodeRole
from shared.domain.release import are_compatible

HASH_BITS: Final = 48
"""Bits of a node's hash constants."""


@dataclass(slots=True, eq=False)
class Candidate:
    """One node of the directory with what is known of its relay now.

    *is_doubtful*: it is silent, but counts as alive in a panic. *back_at*: when it was heard again
    after it was dead. *factor* and *addend* are its hash constants (`sampling`).
    """

    node: NodeId
    document: NodeDocument
    status: RelayStatus | None
    is_doubtful: bool = False
    back_at: Instant | None = None
    weight: int = field(init=False)
    factor: int = field(init=False)
    addend: int = field(init=False)

    def __post_init__(self) -> None:
        self.weight = self.document.capacity * self.document.weight
        self.factor, self.addend = _hash_constants(self.node)


@lru_cache(maxsize=65_536)
def _hash_constants(node: NodeId) -> tuple[int, int]:
    digest = hashlib.sha256(node.encode()).digest()
    factor, addend = (int.from_bytes(each) >> 64 - HASH_BITS for each in (digest[:8], digest[8:16]))
    return factor | 1, addend


def refusal_reason(
    candidate: Candidate, version: str, excluded_regions: Container[str] = ()
) -> str | None:
    """Say why *candidate* takes no client of a site that runs *version*; None: it may."""
    document = candidate.document
    if document.role is not NodeRole.TRAFFIC:
        return f"a {document.role}, not a traffic node"
    if not document.accepting_new_clients:
        return "not accepting new clients"
    return why_unable(candidate, version, document.capacity, excluded_regions)


def why_unable(
    candidate: Candidate, version: str, capacity: int, excluded_regions: Container[str] = ()
) -> str | None:
    """Say why the relay of *candidate*, whatever its role, cannot carry one session more."""
    if candidate.document.region in excluded_regions:
        return f"region {candidate.document.region!r} is excluded"
    if candidate.document.public_address is None:
        return "no public address"
    if candidate.status is None:
        return "no heartbeat yet"
    return _why_unfit(candidate.status, version, capacity)


def _why_unfit(status: RelayStatus, version: str, capacity: int) -> str | None:
    if status.liveness is not Liveness.ALIVE:
        return f"{status.liveness}: silent for {status.silent_seconds:.1f} s"
    if status.load.draining:
        return "draining"
    if status.load.sessions >= capacity:
        return f"full: {status.load.sessions} of {capacity} sessions"
    if not are_compatible(status.load.version, version):
        return f"version {status.load.version} does not go with {version}"
    return None
