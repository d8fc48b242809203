"""Keeps refused connections open for a moment, so that their peers can read why.

The relay reads (and ignores) a refused connection before it closes it: closing a socket with unread
bytes resets it, and the peer would not receive the reason. Sources share the slots for that, so
that a flood of refused connections costs a bounded number of descriptors.
"""

from collections.abc import Callable
from typing import Final

from services.relay.core.admission import ConnectionId
from services.relay.core.slots import SlotLimits, Slots
from services.relay.data_plane.pending import PendingConnection
from services.relay.data_plane.pump import PumpResources

LINGERING: Final = SlotLimits(per_source=256, total=1_024, seconds=1.0)


class LingeringConnections:
    """The refused connections of one relay."""

    _cancel_timer: Callable[[], None] | None = None

    def __init__(self, resources: PumpResources) -> None:
        self._resources = resources
        self._slots = Slots(LINGERING)
        self._connections: dict[ConnectionId, PendingConnection] = {}

    def __len__(self) -> int:
        return len(self._connections)

    def add(self, pending: PendingConnection, frame: bytes) -> None:
        """Send *frame* to *pending*, its last, and close it when its peer does, or soon."""
        self._connections[pending.id] = pending
        loser = self._slots.take(pending.id, pending.source, self._resources.clock.now())
        if loser is not None:
            self._connections[loser].close()
        pending.refuse(frame, lambda: self._forget(pending.id))
        if self._cancel_timer is None:
            self._schedule()

    def close(self) -> int:
        """Close all at once; return how many there were."""
        if self._cancel_timer is not None:
            self._cancel_timer()
            self._cancel_timer = None
        connections = tuple(self._connections.values())
        for pending in connections:
            pending.close()
        return len(connections)

    def _schedule(self) -> None:
        seconds = LINGERING.seconds / 4
        timer = self._resources.loop.call_later(seconds, self._close_expired)
        self._cancel_timer = timer.cancel

    def _close_expired(self) -> None:
        self._cancel_timer = None
        for connection in self._slots.expired(self._resources.clock.now()):
            self._connections[connection].close()
        if self._connections:
            self._schedule()

    def _forget(self, connection: ConnectionId) -> None:
        self._slots.release(connection)
        del self._connections[connection]
