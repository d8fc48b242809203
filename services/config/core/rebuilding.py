"""Decides whether a lost log is rebuilt, and from whose database.

Keeps three laws. A log that may be whole is never replaced: neither master's last entry is in it,
and both masters' followers have called it lost for as long as a deposed leader can answer for it.
Nothing acknowledged is left behind: the next generation goes on from the longest database, and
every master is asked for its own, unless the operator takes the risk of not asking. And two
histories are never merged: each shorter database has to be the beginning of the longest.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from shared.domain.errors import AnotherHistory, LogNotLost, MasterSilent
from shared.domain.ids import NodeId, Revision
from shared.domain.log import Marker


@dataclass(frozen=True, slots=True)
class Position:
    """Where *node*'s database stands: *digest* is of its documents.

    *in_log* says that the log holds its last entry, *calls_lost* that its follower has found for
    long enough that the log does not.
    """

    node: NodeId
    marker: Marker
    digest: str
    in_log: bool
    calls_lost: bool


def require_lost(positions: Sequence[Position]) -> None:
    """Refuse unless the log is lost for every one of *positions*.

    Raises:
        LogNotLost: it holds the last entry of one, or may yet prove whole.
    """
    for each in positions:
        if each.in_log:
            raise LogNotLost(
                f"the log holds the last entry of {each.node}'s database: it is not lost, and "
                "nothing was done"
            )
        if each.marker.revision and not each.calls_lost:
            raise LogNotLost(
                f"{each.node} does not call the log lost yet; wait 20 s after the log's servers "
                "are back, see `meridian status`, and try again"
            )


def require_asked(silent: Sequence[NodeId], *, force: bool) -> None:
    """Refuse to go on without the *silent* masters, unless the operator insists.

    Raises:
        MasterSilent: one of them does not answer.
    """
    if silent and not force:
        names = ", ".join(silent)
        raise MasterSilent(
            f"{names} cannot be asked where its database stands; start it and try again, or add "
            "--force: changes that were acknowledged in degraded mode and are on "
            f"{names} alone are then lost",
            masters=tuple(silent),
        )


def longest(positions: Sequence[Position]) -> Position:
    """The one to go on from; of equals the first.

    Raises:
        AnotherHistory: none holds anything.
    """
    found = max(positions, key=lambda each: each.marker.revision)
    if not found.marker.revision:
        raise AnotherHistory("no master's database holds an entry of the log; restore a backup")
    return found


def require_one_history(
    chosen: Position, others: Sequence[Position], hashes: Mapping[Revision, str]
) -> None:
    """Refuse unless each of *others* is the beginning of *chosen*.

    *hashes* are those that the history of *chosen* has at the revisions of the others.

    Raises:
        AnotherHistory: one is not, or nobody can tell.
    """
    for each in others:
        revision = each.marker.revision
        if revision and hashes.get(revision) != each.marker.hash:
            raise AnotherHistory(
                f"{each.node}'s database (revision {revision}) is not the beginning of "
                f"{chosen.node}'s (revision {chosen.marker.revision}); stop the config service of "
                "the one whose changes are to give way, and rebuild from the other with --force"
            )
        if each.marker == chosen.marker and each.digest != chosen.digest:
            raise AnotherHistory(
                f"{each.node}'s and {chosen.node}'s databases name the same last entry and hold "
                "different documents; restore one of them from a backup"
            )
