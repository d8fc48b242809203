"""Decides when silence is not believed.

A node is dead when its relay is silent. When nearly every relay of the site, the masters' own
included, fell silent at once, it is rather this replica that does not hear: refusing every client
would make an outage of a lost feed. Then the last word of each relay counts, nodes that are still
heard come first, and the explanation says so.
"""

from collections.abc import Sequence
from dataclasses import replace
from typing import Final

from services.node_selector.core.eligibility import Candidate
from shared.domain.liveness import Liveness

FEWEST_RELAYS: Final = 3
"""Of fewer it cannot be told who is deaf."""

NOT_BELIEVED: Final = "nearly every relay seems silent, which is not believed"


def is_panic(heard: int, silent: int, threshold_percent: int) -> bool:
    """Whether *silent* of all relays that were ever *heard* are too many to be believed.

    A threshold of 0 always believes.
    """
    enough = silent * 100 >= threshold_percent * heard
    return threshold_percent > 0 and heard >= FEWEST_RELAYS and enough


def believed(candidates: Sequence[Candidate], threshold_percent: int) -> Sequence[Candidate]:
    """*candidates*, the silent ones as they last spoke when so many silences are not believed."""
    heard = sum(each.seen is not None for each in candidates)
    silent = sum(_is_silent(each) for each in candidates)
    if not is_panic(heard, silent, threshold_percent):
        return candidates
    return tuple(_as_it_spoke(each) if _is_silent(each) else each for each in candidates)


def _is_silent(candidate: Candidate) -> bool:
    return candidate.seen is not None and candidate.seen.liveness is not Liveness.ALIVE


def _as_it_spoke(candidate: Candidate) -> Candidate:
    assert candidate.seen is not None, "a node that is silent has spoken"
    return replace(
        candidate, seen=replace(candidate.seen, liveness=Liveness.ALIVE), is_doubtful=True
    )
