"""Keeps the last heartbeat of every relay, and which master seems to be the primary.

A node is alive for selection while heartbeats of its relay come, then suspect, then dead, by the
site's timing. What masters claim of their role serves the fallback only; it never makes a primary.

A relay that is heard again after it was dead *came back*: selection gives it its share gradually.
A relay that was silent only because this replica was not listening did not come back. When this
replica heard no relay at all for that long, its own feed is lost (`feed_lost_seconds`).
"""

from dataclasses import dataclass

from shared.documents.site import Timing
from shared.domain.ids import Epoch, Instant, NodeId
from shared.domain.liveness import Liveness, liveness_after
from shared.domain.primary import PrimaryClaim, apparent_primary


@dataclass(frozen=True, slots=True)
class Load:
    """A relay's sessions, whether it drains, and its version, by its last heartbeat."""

    sessions: int
    draining: bool
    version: str


@dataclass(frozen=True, slots=True)
class RelayStatus:
    """A node's relay as this replica sees it now."""

    liveness: Liveness
    silent_seconds: float
    load: Load


@dataclass(frozen=True, slots=True)
class RelayRecord:
    """A relay's last load, when it came, and when the relay came back, if it was dead before."""

    load: Load
    at: Instant
    back_at: Instant | None


class LiveState:
    """The last heartbeat of every relay, and the newest claim of a primary."""

    def __init__(self) -> None:
        self._records: dict[NodeId, RelayRecord] = {}
        self._in_turn: dict[NodeId, Instant] = {}
        self._listening_since: Instant | None = None
        self._last: Instant | None = None
        self._primary: PrimaryClaim | None = None

    @property
    def is_empty(self) -> bool:
        """Say whether no relay was heard since the start: then the state of no node is known."""
        return not self._records

    @property
    def primary(self) -> NodeId | None:
        """Return the master that claims to be primary in the largest epoch."""
        return self._primary.node if self._primary is not None else None

    def record_relay(
        self, node: NodeId, load: Load, now: Instant, dead_after_seconds: float = 3.0
    ) -> RelayRecord:
        """Record a relay's heartbeat and return the new record."""
        if self._last is None or now - self._last >= dead_after_seconds:
            self._listening_since = now
        self._last = now
        before = self._records.get(node)
        if before is not None and now - before.at < dead_after_seconds:
            back_at = before.back_at
        else:
            back_at = now if self._has_listened(now, dead_after_seconds) else None
        self._records[node] = record = RelayRecord(load, now, back_at)
        self._in_turn.pop(node, None)
        self._in_turn[node] = now
        return record

    def record_master(self, node: NodeId, epoch: Epoch, *, is_primary: bool) -> None:
        if is_primary:
            known = () if self._primary is None else (self._primary,)
            self._primary = apparent_primary((*known, PrimaryClaim(node, epoch)))

    def record_of(self, node: NodeId) -> RelayRecord | None:
        return self._records.get(node)

    def is_silent(self, node: NodeId) -> bool:
        """Say whether `take_newly_silent` has returned *node* since its last heartbeat."""
        return node in self._records and node not in self._in_turn

    def take_newly_silent(self, now: Instant, suspect_after_seconds: float) -> list[NodeId]:
        """Return the nodes that fell silent since the last call; it is cheap when none did."""
        silent: list[NodeId] = []
        for node, at in self._in_turn.items():
            if now - at < suspect_after_seconds:
                break
            silent.append(node)
        for node in silent:
            del self._in_turn[node]
        return silent

    def feed_lost_seconds(self, now: Instant, dead_after_seconds: float) -> float | None:
        """Return how long no relay at all was heard, once that is too long to be chance."""
        if self._last is None or now - self._last < dead_after_seconds:
            return None
        return now - self._last

    def status_of(self, node: NodeId, timing: Timing, now: Instant) -> RelayStatus | None:
        """Return the status of *node*'s relay; None when it was never heard."""
        record = self._records.get(node)
        if record is None:
            return None
        liveness = liveness_after(
            now - record.at,
            suspect_after_seconds=timing.suspect_after_seconds,
            dead_after_seconds=timing.dead_after_seconds,
        )
        return RelayStatus(liveness, now - record.at, record.load)

    def _has_listened(self, now: Instant, dead_after_seconds: float) -> bool:
        since = self._listening_since
        return since is not None and now - since > dead_after_seconds
