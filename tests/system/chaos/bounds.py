"""Decides whether changes were accepted again in time while something happened to a site; pure.

The site was well before: another master could follow, and the log survived any loss. One thing
happens at a time, so all along some master and a quorum could accept changes.
"""

import itertools
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final

BOUND_SECONDS: Final = 15.0
"""Ten seconds until a sick master has handed its role over or given it up, and the five that a
writer may need to find out: an attempt at a front door that does not answer, and a busy machine."""


@dataclass(frozen=True, slots=True)
class Trouble:
    """What happened to a well site from *begin* on, until the next thing did at *end*."""

    what: str
    begin: float
    end: float


def late(
    troubles: Iterable[Trouble], accepted: Sequence[float], bound: float = BOUND_SECONDS
) -> list[str]:
    """Which of *troubles* kept changes from being accepted for longer than *bound*, a line each.

    *accepted* are the moments when changes were acknowledged, in any order.
    """
    found: list[str] = []
    moments = sorted(accepted)
    for each in troubles:
        inside = [moment for moment in moments if each.begin < moment < each.end]
        edges = itertools.pairwise((each.begin, *inside, each.end))
        longest = max(after - before for before, after in edges)
        if longest > bound:
            found.append(f"{each.what}: no change was accepted for {longest:.1f} s")
    return found
