"""Decides what a copy had alone, when the site went on without it.

Two histories are one up to the last entry that both have. What comes after it on one side is that
side's alone: it is kept before a snapshot takes its place, and nobody merges it unasked. Where no
common entry is known everything counts as alone: better to show too much than to lose a change.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from shared.domain.ids import Revision
from shared.domain.log import CONTROL_KIND, Change, LogEntry


@dataclass(frozen=True, slots=True)
class LeftBehind:
    """The last change of one document among those that a copy had alone."""

    change: Change
    revision: Revision


def common(own: Mapping[Revision, str], theirs: Mapping[Revision, str]) -> Revision:
    """The last revision at which both have the same entry; 0 when none is known."""
    both = (revision for revision, hash_ in own.items() if theirs.get(revision) == hash_)
    return max(both, default=Revision(0))


def left_behind(entries: Iterable[LogEntry]) -> tuple[LeftBehind, ...]:
    """What *entries*, in order, leave of each document; what speaks of the cluster is none."""
    last: dict[tuple[str, str], LeftBehind] = {}
    for entry in entries:
        for change in entry.changes:
            if change.kind != CONTROL_KIND:
                last[change.kind, change.id] = LeftBehind(change, entry.revision)
    return tuple(last[name] for name in sorted(last))
