"""Decides how this master votes on a primary's request for a failsafe promise.

A master promises only while its own writes to the bucket fail too, none of its writes may still
land, and it has seen no larger epoch. The promise counts from the moment of the vote, which is
after the request was sent: the primary has stopped `2 * margin` before this master may act, as
with the lease.
"""

from services.failover_monitor.core.lease import Lease
from services.failover_monitor.core.observer import Observer
from services.failover_monitor.core.role import Role
from services.failover_monitor.core.timing import Timing
from shared.domain.ids import Instant
from shared.events.failover import PromiseTerms, PromiseVote


class PromiseVoter:
    """Decides what this master promises to a primary, and sees that it keeps its promise."""

    def __init__(self, lease: Lease, role: Role, observer: Observer, timing: Timing) -> None:
        self._lease = lease
        self._role = role
        self._observer = observer
        self._timing = timing

    def vote(self, terms: PromiseTerms, now: Instant, *, can_write: bool) -> PromiseVote:
        """Promise, or say why not; *can_write* is whether a write since the request succeeded.

        The vote is not signed yet.
        """
        refusal = self._refusal(terms, can_write=can_write)
        if not refusal:
            until = Instant(now + self._timing.waiting_seconds)
            self._role.defer_acting(until, terms.holder)
            self._observer.defer(until)
        return PromiseVote(
            node=self._lease.holder.node,
            terms=terms,
            largest=self._role.largest_epoch,
            refusal=refusal,
        )

    def _refusal(self, terms: PromiseTerms, *, can_write: bool) -> str:
        largest = self._role.largest_epoch
        if largest > terms.epoch:
            return f"it has seen epoch {largest}"
        if self._lease.is_held:
            return "it holds the lease itself"
        if self._lease.pending_write:
            return "a write of its own may still land"
        if can_write:
            return "it can write the lease"
        if terms.ttl + terms.margin > self._timing.waiting_seconds:
            return "it is less patient than the primary: their timing differs"
        return ""
