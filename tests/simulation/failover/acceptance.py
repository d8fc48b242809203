"""Checks that changes are accepted again within a bound, whenever some master could accept them.

A master *could* while it is up, hears and is heard, and nothing of it is sick, all without a break;
one that accepted nothing as primary, for reasons that no proof shows, is not sought for a while.
The checker looks at true time and knows every fault; the cores know only what their services show.
"""

from typing import TYPE_CHECKING, Final

from services.failover_monitor.core.timing import Timing
from tests.simulation.failover.master import Master
from tests.simulation.failover.world import DRIFT, World

if TYPE_CHECKING:
    from shared.domain.ids import NodeId

LOOK_SECONDS: Final = 0.25


def recovery_bound(timing: Timing) -> float:
    """How long the site may accept nothing after one of its masters became well.

    The other's store time-out, the time in which a well master is not counted yet, the attempts to
    hand over, and at the worst the end of the lease; with the checks and heartbeats between them.
    """
    waits = 2 * timing.store_timeout_seconds + timing.ttl_seconds + timing.waiting_seconds
    return (waits + 4 * timing.heartbeat_seconds + 1.0) / (1 - DRIFT)


def takeover_bound(timing: Timing) -> float:
    """How long it may take when the other master was ready all the while."""
    waits = timing.store_timeout_seconds + timing.acting_seconds
    return (waits + 3 * timing.heartbeat_seconds + 0.5) / (1 - DRIFT)


class Acceptance:
    """Looks at a world again and again; *longest* is the longest time without acceptance."""

    def __init__(self, world: World, bound: float) -> None:
        self._world = world
        self._bound = bound
        self._well_since: dict[NodeId, float] = {}
        self._accepted_at = world.now
        self._quorum_since = world.now
        self.longest = 0.0
        self._look()

    def accepts(self) -> bool:
        """Whether a change is accepted at this moment."""
        masters = self._world.masters
        return any(_writes(masters[node], self._world.now) for node in self._world.primaries())

    def _look(self) -> None:
        world, now = self._world, self._world.now
        for master in world.masters.values():
            if not _is_well(master, now):
                self._well_since.pop(master.node, None)
            else:
                self._well_since.setdefault(master.node, now)
        if world.bucket.is_down or not world.fault_plan.is_calm:
            self._quorum_since = now
        if self.accepts():
            self._accepted_at = now
        self.longest = max(self.longest, now - self._accepted_at)
        if self._well_since:
            could_since = max(min(self._well_since.values()), self._quorum_since)
            silent = now - max(could_since, self._accepted_at)
            assert silent <= self._bound, f"nothing accepted for {silent:.1f} s at {now:.3f}"
        world.at(now + LOOK_SECONDS, self._look)


def _is_well(master: Master, now: float) -> bool:
    is_reached = master.is_up and not master.is_cut_off and now >= master.frozen_until
    if not is_reached or master.monitor.status(master.clock(now)).is_reluctant:
        return False
    return master.fit and master.services.are_well


def _writes(master: Master, now: float) -> bool:
    return now >= master.frozen_until and not master.is_cut_off and master.services.accepts
