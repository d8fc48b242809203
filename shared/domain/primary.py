"""Decides which master seems to be the primary, from what masters claim of themselves.

The lease alone makes a master primary, and each claim is only as fresh as the heartbeat that
carried it. A master that has lost the lease may still claim its old epoch; the larger epoch is
the later lease.
"""

from collections.abc import Iterable
from dataclasses import dataclass

from shared.domain.ids import Epoch, NodeId


@dataclass(frozen=True, slots=True)
class PrimaryClaim:
    """The claim of *node* that it is primary in *epoch*."""

    node: NodeId
    epoch: Epoch


def apparent_primary(claims: Iterable[PrimaryClaim]) -> PrimaryClaim | None:
    """Choose the claim of the largest epoch, of equal ones the last; None without any claim."""
    found: PrimaryClaim | None = None
    for claim in claims:
        if found is None or claim.epoch >= found.epoch:
            found = claim
    return found
