"""Whether a copy stands on the log: where it was, or where a later generation begins.

The generation that the copy is of comes first. Only when that log does not hold its last entry is a
later one looked for; and only when there is none is the log called short, and then lost.
"""

from dataclasses import dataclass, field

from services.replication.applying import Applier
from services.replication.core.follower import ChainCheck, Standing
from shared.clusterlog.generations import BegunGeneration, find_last_begun, read_hash
from shared.domain.errors import LogUnavailable
from shared.domain.ids import LogGeneration, Revision
from shared.domain.log import Entrance, Marker, entrance
from shared.runtime.clock import Clock


@dataclass(frozen=True, slots=True)
class Place:
    """Where the copy stands, and *why* when it cannot read on.

    *generation* is a later one that it goes on with: from its first message, or from a snapshot
    when it *is_behind* where that begins.
    """

    standing: Standing
    revision: Revision
    why: str = ""
    generation: LogGeneration | None = None
    is_behind: bool = False

    @property
    def is_proven(self) -> bool:
        """Whether all that the copy has is the beginning of what the log has."""
        return self.standing is Standing.FOLLOWING and not self.is_behind


@dataclass
class Whereabouts:
    """Looks where the copy stands."""

    applier: Applier
    clock: Clock
    _chain: ChainCheck = field(default_factory=ChainCheck)

    async def look(self) -> Place:
        """Where the copy stands now.

        Raises:
            LogUnavailable: the log does not answer, or may yet prove whole.
            StoreUnavailable: the copy cannot be read.
        """
        marker = (await self.applier.begin()).marker
        log = self.applier.log_of(marker)
        there = await read_hash(log, marker)
        if there != marker.hash:
            begun = await find_last_begun(log, self.applier.trust)
            if begun is not None:
                self._chain = ChainCheck()
                return _place_in(begun, marker)
        standing = self._chain.found(marker, there, self.clock.now())
        if standing is Standing.UNSURE:
            raise LogUnavailable(f"the log does not hold revision {marker.revision}")
        return Place(standing, marker.revision, f"{standing} at revision {marker.revision}")


def _place_in(begun: BegunGeneration, marker: Marker) -> Place:
    how = entrance(marker, begun.first)
    if how is Entrance.DIVERGED:
        where = f"generation {begun.generation} of the log began without it"
        why = f"diverged at revision {marker.revision}: {where}"
        return Place(Standing.DIVERGED, marker.revision, why)
    is_behind = how is Entrance.BEHIND
    return Place(
        Standing.FOLLOWING, marker.revision, generation=begun.generation, is_behind=is_behind
    )
