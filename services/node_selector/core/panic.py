"""Decides when many silent relays mean that this replica's feed is lost.

A node is dead when its relay is silent. When nearly every relay of the site, the masters' own
included, falls silent at once, this replica has more likely lost its feed, and refusing every
client would turn that into an outage. Then the last heartbeat of each silent relay counts, nodes
that are still heard come first, and the explanation says so.
"""

from collections.abc import Sequence
from dataclasses import replace
from typing import Final

from services.node_selector.core.eligibility import Candidate
from shared.domain.liveness import Liveness

FEWEST_RELAYS: Final = 3
"""With fewer relays, a lost feed cannot be distinguished from dead nodes."""

NOT_BELIEVED: Final = "nearly every relay seems silent, which is not believed"


def is_panic(heard: int, silent: int, threshold_percent: int) -> bool:
    """Say whether *silent* of all relays that were ever *heard* are too many to be dead.

    A threshold of 0 switches the panic off.
    """
    enough = silent * 100 >= threshold_percent * heard
    return threshold_percent > 0 and heard >= FEWEST_RELAYS and enough


def apply_panic(candidates: Sequence[Candidate], threshold_percent: int) -> Sequence[Candidate]:
    """Return *candidates*; in a panic, the silent ones count as alive and doubtful."""
    heard = sum(each.status is not None for each in candidates)
    silent = sum(_is_silent(each) for each in candidates)
    if not is_panic(heard, silent, threshold_percent):
        return candidates
    return tuple(_as_alive(each) if _is_silent(each) else each for each in candidates)


def _is_silent(candidate: Candidate) -> bool:
    return candidate.status is not None and candidate.status.liveness is not Liveness.ALIVE


def _as_alive(candidate: Candidate) -> Candidate:
    assert candidate.status is not None, "a silent node without a heartbeat"
    return replace(
        candidate, status=replace(candidate.status, liveness=Liveness.ALIVE), is_doubtful=True
    )
