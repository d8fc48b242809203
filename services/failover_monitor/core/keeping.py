"""Decides whether a holder should keep its role, and who should have it instead.

It keeps the role while it is fit, and also while it is not and nobody else is ready: two masters
with the same fault must not toss the role. A master that accepted nothing as primary, for a reason
that no proof shows, is worse than one without a gateway; it is better only than one that commits
nothing.
"""

from services.failover_monitor.core.fitness import Fitness, ServiceFault, first_since
from services.failover_monitor.core.lease import Lease
from services.failover_monitor.core.ready_masters import ReadyMasters
from services.failover_monitor.core.timing import Timing
from shared.domain.ids import Instant, NodeId


class Keeping:
    """What speaks against the role of this process, judged by its services and the others'."""

    def __init__(self, lease: Lease, fitness: Fitness, ready: ReadyMasters, timing: Timing) -> None:
        self._lease = lease
        self._fitness = fitness
        self._ready = ready
        self._timing = timing

    def may_renew(self, now: Instant) -> bool:
        """Say whether this master is fit, or nobody else is, or it still tries to hand over."""
        faults, successor = self._faults(now), self.successor(now)
        if successor is None:
            return True
        begun = max(first_since(faults), self._ready.counts_from(successor))
        return now < begun + self._timing.store_timeout_seconds

    def successor(self, now: Instant) -> NodeId | None:
        """Return the master that could do better: it is ready, and this holder is not fit."""
        faults = self._faults(now)
        if not faults:
            return None
        accepts_nothing = any(fault.need.is_vital and not fault.is_unproven for fault in faults)
        return self._ready.successor(now, also_reluctant=accepts_nothing)

    def faults(self, now: Instant) -> tuple[str, ...]:
        """List what makes a holder unfit for its role, and why it keeps it all the same."""
        faults = tuple(fault.text for fault in self._faults(now))
        if faults and self.successor(now) is None:
            return (*faults, "no other master is ready to take the role")
        return faults

    def _faults(self, now: Instant) -> tuple[ServiceFault, ...]:
        """Judge the services of a holder as of the last moment at which they had a grant."""
        if not self._lease.is_held:
            return ()
        return self._fitness.holder_faults(min(now, self._lease.valid_until))
