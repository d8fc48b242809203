"""The candidate's side of the failsafe promise.

Keeps the law that a promise is given only while the own writes to the bucket fail too, no write
of this process may still land, and no larger epoch was seen. What was promised counts from the
moment of the promise, which is after the request was sent: whoever asked has stopped `2 * margin`
before this master may act, as with the lease.
"""

from services.failover_monitor.core.promise import Promise, PromiseAsked
from services.failover_monitor.core.role import Role
from services.failover_monitor.core.takeover import Observer
from services.failover_monitor.core.timing import Timing
from shared.domain.ids import Instant


class Giver:
    """What this master has promised to a primary."""

    def __init__(self, role: Role, observer: Observer, timing: Timing) -> None:
        self._role = role
        self._observer = observer
        self._timing = timing

    def decide(self, asked: PromiseAsked, now: Instant, *, could_write: bool) -> Promise:
        """Promise, or say why not; *could_write* is what a write tried since the request found."""
        role, refusal = self._role, self._refusal(asked, could_write=could_write)
        if not refusal:
            until = Instant(now + self._timing.waiting_seconds)
            role.wait_until(until, asked.holder)
            self._observer.wait_until(until)
        return Promise(asked, role.lease.holder.node, role.largest, refusal)

    def _refusal(self, asked: PromiseAsked, *, could_write: bool) -> str:
        role = self._role
        if role.largest > asked.epoch:
            return f"it has seen epoch {role.largest}"
        if role.lease.held:
            return "it holds the lease itself"
        if role.lease.doubt:
            return "a write of its own may still land"
        if could_write:
            return "it can write the lease"
        if asked.ttl + asked.margin > self._timing.waiting_seconds:
            return "it is less patient than the primary: their timing differs"
        return ""
