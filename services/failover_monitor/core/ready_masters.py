"""Keeps which other masters say that they could take over, and since when.

A master that became ready a moment ago may be sick again in a moment, or may not have noticed yet
what it shares with this one. So it counts only after it was ready for one `ttl` without a break.
"""

from dataclasses import dataclass

from services.failover_monitor.core.timing import Timing
from shared.domain.ids import Instant, NodeId


@dataclass(slots=True)
class Readiness:
    """A master that is ready: since when, and when it last said so."""

    since: Instant
    heard_at: Instant
    is_reluctant: bool


class ReadyMasters:
    """The other masters that could take over, by their heartbeats."""

    def __init__(self, timing: Timing) -> None:
        self._timing = timing
        self._ready: dict[NodeId, Readiness] = {}

    def record(
        self, node: NodeId, now: Instant, *, could_take_over: bool, is_reluctant: bool = False
    ) -> None:
        """Note whether *node* could take over, and whether it should only if it must."""
        if not could_take_over:
            self._ready.pop(node, None)
            return
        last = self._ready.get(node)
        since = last.since if last is not None and self._is_recent(last, now) else now
        self._ready[node] = Readiness(since, now, is_reluctant)

    def successor(self, now: Instant, *, also_reluctant: bool) -> NodeId | None:
        """Return the master that has been ready for longest; None when none is, or not yet."""
        counted = [
            (readiness.since, node)
            for node, readiness in self._ready.items()
            if self._is_recent(readiness, now)
            and now >= self._counts_from(readiness)
            and (also_reluctant or not readiness.is_reluctant)
        ]
        return min(counted)[1] if counted else None

    def counts_from(self, node: NodeId) -> Instant:
        """Return from when on *node*, a successor, has counted."""
        return self._counts_from(self._ready[node])

    def describe(self) -> str:
        """Write one line for logs and transcripts."""
        return f"{', '.join(sorted(self._ready)) or 'nobody'} could take over"

    def _is_recent(self, readiness: Readiness, now: Instant) -> bool:
        return now - readiness.heard_at < 2 * self._timing.ttl_seconds

    def _counts_from(self, readiness: Readiness) -> Instant:
        return Instant(readiness.since + self._timing.ttl_seconds)
