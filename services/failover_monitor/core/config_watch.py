"""Watches whether the acting master's config still commits, and whether a peer could do better.

Only the time in which config had a grant counts: without a grant it cannot commit.
"""

from services.failover_monitor.core.timing import Timing
from shared.domain.ids import Instant, NodeId


class ConfigWatch:
    """Config's last commit, and the other masters' readiness."""

    def __init__(self, timing: Timing) -> None:
        self._timing = timing
        self._committed_at = Instant(0.0)
        self._ready: dict[NodeId, Instant] = {}

    def restart(self, now: Instant) -> None:
        """Give config its time to commit anew: a term begins, or goes on after a pause."""
        self._committed_at = max(self._committed_at, now)

    def record_commit(self, at: Instant | None) -> None:
        """Note config's last commit; None, when it could not be read, changes nothing."""
        if at is not None:
            self._committed_at = max(self._committed_at, at)

    def record_peer(self, peer: NodeId, now: Instant, *, could_take_over: bool) -> None:
        """Note whether another master could take over, by its heartbeat."""
        if could_take_over:
            self._ready[peer] = now
        else:
            self._ready.pop(peer, None)

    def is_committing(self, granted_until: Instant) -> bool:
        """Say whether config committed within the store time-out before *granted_until*."""
        return granted_until - self._committed_at < self._timing.store_timeout_seconds

    def has_ready_peer(self, now: Instant) -> bool:
        """Say whether another master could take over, by a recent heartbeat."""
        return any(now - at < 2 * self._timing.ttl_seconds for at in self._ready.values())

    def describe(self) -> str:
        """Write one line for logs and transcripts."""
        ready = ", ".join(sorted(self._ready)) or "nobody"
        return f"config committed at {self._committed_at:.3f}, {ready} could take over"
