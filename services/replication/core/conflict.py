"""Decides which changes a replica had alone when the site went on without it.

Two histories are the same up to the last entry that both have. The entries after it on one side are
that side's alone: they are archived before a snapshot replaces them, and nobody merges them without
an order. When no common entry is known, every change counts as alone: showing too much is better
than losing a change.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from shared.domain.ids import Revision
from shared.domain.log import CONTROL_KIND, Change, LogEntry


@dataclass(frozen=True, slots=True)
class LastChange:
    """The last change of one document among those that a replica had alone."""

    change: Change
    revision: Revision


def common_revision(own: Mapping[Revision, str], theirs: Mapping[Revision, str]) -> Revision:
    """Give the last revision at which both have the same entry; 0 when none is known."""
    both = (revision for revision, hash_ in own.items() if theirs.get(revision) == hash_)
    return max(both, default=Revision(0))


def last_changes(entries: Iterable[LogEntry]) -> tuple[LastChange, ...]:
    """Give the last change of each document in *entries*; control entries change no document."""
    last: dict[tuple[str, str], LastChange] = {}
    for entry in entries:
        for change in entry.changes:
            if change.kind != CONTROL_KIND:
                last[change.kind, change.id] = LastChange(change, entry.revision)
    return tuple(last[name] for name in sorted(last))
