"""Whether the acting master's config still commits, and whether anybody could do better.

Only the time in which config had a grant counts: without one it has nothing to prove.
"""

from services.failover_monitor.core.timing import Timing
from shared.domain.ids import Instant, NodeId


class ConfigWatch:
    """Config's last pulse, and the other masters' readiness."""

    def __init__(self, timing: Timing) -> None:
        self._timing = timing
        self._last_sign = Instant(0.0)
        self._ready: dict[NodeId, Instant] = {}

    def begun(self, now: Instant) -> None:
        """A term begins, or goes on after a pause: config gets time to find its feet."""
        self._last_sign = max(self._last_sign, now)

    def committed(self, at: Instant | None) -> None:
        """Config's last pulse; None when it could not be read, which proves nothing new."""
        if at is not None:
            self._last_sign = max(self._last_sign, at)

    def peer_heard(self, peer: NodeId, now: Instant, *, could_take_over: bool) -> None:
        if could_take_over:
            self._ready[peer] = now
        else:
            self._ready.pop(peer, None)

    def is_well(self, granted_until: Instant) -> bool:
        """Whether config committed within the store time-out before *granted_until*."""
        return granted_until - self._last_sign < self._timing.store_timeout_seconds

    def somebody_could(self, now: Instant) -> bool:
        """Whether another master said of late that it would take over."""
        return any(now - at < 2 * self._timing.ttl_seconds for at in self._ready.values())

    def describe(self) -> str:
        ready = ", ".join(sorted(self._ready)) or "nobody"
        return f"config committed at {self._last_sign:.3f}, {ready} said it could take over"
