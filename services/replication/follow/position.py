"""Checks whether the replica's position is on the log, or where a later generation begins.

The replica's own generation comes first. A later generation is looked for only when that log does
not hold the replica's last entry; when there is none, the log counts as short, and later as lost.
"""

from dataclasses import dataclass, field

from services.replication.core.follower import ChainCheck, Standing
from services.replication.follow.applier import Applier
from shared.clusterlog.generations import BegunGeneration, find_last_begun, read_hash
from shared.domain.errors import LogUnavailable
from shared.domain.ids import LogGeneration, Revision
from shared.domain.log import Entrance, LogPosition, entrance
from shared.runtime.clock import Clock


@dataclass(frozen=True, slots=True)
class Position:
    """The standing of the replica, with the *reason* when it cannot follow the log.

    *generation* is a later generation to go on with: from its first message, or from a snapshot
    when the replica *is_behind* the place where that generation begins.
    """

    standing: Standing
    revision: Revision
    reason: str = ""
    generation: LogGeneration | None = None
    is_behind: bool = False

    @property
    def is_proven(self) -> bool:
        """Say whether every entry of the replica is an entry of the log."""
        return self.standing is Standing.FOLLOWING and not self.is_behind


@dataclass
class PositionCheck:
    """Compares the replica's position with the log."""

    applier: Applier
    clock: Clock
    _chain: ChainCheck = field(default_factory=ChainCheck)

    async def check(self) -> Position:
        """Give the position as it is now.

        Raises:
            LogUnavailable: the log does not answer, or may yet prove whole.
            StoreUnavailable: the replica cannot be read.
        """
        position = (await self.applier.begin()).position
        log = self.applier.log_of(position)
        there = await read_hash(log, position)
        if there != position.hash:
            begun = await find_last_begun(log, self.applier.trust)
            if begun is not None:
                self._chain = ChainCheck()
                return _position_in(begun, position)
        standing = self._chain.check(position, there, self.clock.now())
        if standing is Standing.UNSURE:
            raise LogUnavailable(f"the log does not hold revision {position.revision}")
        return Position(standing, position.revision, f"{standing} at revision {position.revision}")


def _position_in(begun: BegunGeneration, position: LogPosition) -> Position:
    how = entrance(position, begun.first)
    if how is Entrance.DIVERGED:
        where = f"generation {begun.generation} of the log began without it"
        reason = f"diverged at revision {position.revision}: {where}"
        return Position(Standing.DIVERGED, position.revision, reason)
    is_behind = how is Entrance.BEHIND
    return Position(
        Standing.FOLLOWING, position.revision, generation=begun.generation, is_behind=is_behind
    )
