"""Decides whether a lost log is rebuilt, from whose database, and with which entry.

Keeps three laws. A log that may be whole is never replaced: neither master's last entry is in it,
and both masters' followers have called it lost for as long as a deposed leader can answer for it.
The next generation continues the database of the latest generation, and of equals the longest: an
operator made the site continue there, by a rebuild or a promotion. And nothing acknowledged is left
behind unless the operator insists: every master reports its database, and each must be the
beginning of the one that is continued. A database of an earlier generation that is not gives way,
and what it had alone is kept as a conflict; between two of one generation nothing is chosen.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from shared.domain.errors import AnotherHistory, LogNotLost, MasterSilent
from shared.domain.ids import Epoch, LogGeneration, NodeId, RequestId, Revision, UnixMillis
from shared.domain.log import CONTROL_KIND, Change, LogEntry, LogPosition, Op


@dataclass(frozen=True, slots=True)
class MasterPosition:
    """The position of *node*'s database in the log; *digest* is of its documents.

    *in_log*: the log holds its last entry; *calls_lost*: its follower has reported for long enough
    that the log does not.
    """

    node: NodeId
    position: LogPosition
    digest: str
    in_log: bool
    calls_lost: bool


def require_lost(positions: Sequence[MasterPosition]) -> None:
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
        if each.position.revision and not each.calls_lost:
            raise LogNotLost(
                f"{each.node} does not call the log lost yet; wait 20 s after the log's servers "
                "are back, see `meridian status`, and try again"
            )


def require_reports(silent: Sequence[NodeId], *, force: bool) -> None:
    """Refuse to go on without the reports of the *silent* masters, unless the operator insists.

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


def latest(positions: Sequence[MasterPosition]) -> MasterPosition:
    """Return the one to go on from: of the latest generation, the longest; of equals the first.

    Raises:
        AnotherHistory: none holds anything.
    """
    written = [each for each in positions if each.position.revision]
    if not written:
        raise AnotherHistory("no master's database holds an entry of the log; restore a backup")
    return max(written, key=lambda each: (each.position.log_generation, each.position.revision))


def left_behind(
    chosen: MasterPosition,
    others: Sequence[MasterPosition],
    hashes: Mapping[Revision, str],
    *,
    force: bool,
) -> tuple[NodeId, ...]:
    """Return those of *others* that give way to *chosen*, because the operator insists.

    Every other one is the beginning of *chosen*. *hashes* are those that the history of *chosen*
    has at the revisions of the others.

    Raises:
        AnotherHistory: one is not, or that is unknown, and it does not give way.
    """
    behind: list[NodeId] = []
    for each in others:
        revision = each.position.revision
        if revision and hashes.get(revision) != each.position.hash:
            _require_way(each, chosen, force=force)
            behind.append(each.node)
        if each.position == chosen.position and each.digest != chosen.digest:
            raise AnotherHistory(
                f"{each.node}'s and {chosen.node}'s databases name the same last entry and hold "
                "different documents; restore one of them from a backup"
            )
    return tuple(behind)


@dataclass(frozen=True, slots=True)
class Beginning:
    """The generation that begins, on whose order and why; *epoch* if an epoch begins with it."""

    generation: LogGeneration
    author: str
    reason: str
    epoch: Epoch | None = None


def first_entry(own: MasterPosition, beginning: Beginning, at: UnixMillis) -> LogEntry:
    """Build the entry that continues the log from *own* in the next generation."""
    position = own.position
    epoch = position.epoch if beginning.epoch is None else beginning.epoch
    body = {
        "revision": position.revision,
        "hash": position.hash,
        "epoch": epoch,
        "snapshot": own.digest,
        "node": own.node,
        "reason": beginning.reason,
    }
    request = RequestId(f"generation-{beginning.generation}")
    ops = [Op.GENERATION_BEGAN]
    if beginning.epoch is not None:
        ops.append(Op.EPOCH_BEGAN)
    return LogEntry(
        log_generation=beginning.generation,
        revision=Revision(position.revision + 1),
        epoch=epoch,
        changes=tuple(
            Change(CONTROL_KIND, CONTROL_KIND, op, body, beginning.author, request, "")
            for op in ops
        ),
        at=at,
        previous_hash=position.hash,
    )


def _require_way(other: MasterPosition, chosen: MasterPosition, *, force: bool) -> None:
    """Refuse unless *other*, which has another history than *chosen*, gives way to it."""
    is_earlier = other.position.log_generation < chosen.position.log_generation
    if is_earlier and force:
        return
    differs = (
        f"{other.node}'s database ({_place(other.position)}) is not the beginning of "
        f"{chosen.node}'s ({_place(chosen.position)})"
    )
    if is_earlier:
        raise AnotherHistory(
            f"{differs}, which is of a later generation; add --force to go on from "
            f"{chosen.node}'s: what {other.node} alone has is then not in the log, and kept as a "
            "conflict when it follows"
        )
    raise AnotherHistory(
        f"{differs}; stop the config service of the one whose changes are to give way, and "
        "rebuild from the other with --force"
    )


def _place(position: LogPosition) -> str:
    return f"generation {position.log_generation}, revision {position.revision}"
