"""Decides how many pings a connection that measures gets answered.

Endpoints ping to choose a node, not to monitor one. Each connection gets a few answers within a
few seconds; each source, and all connections together, get a bounded number each second, so that a
flood of pings delays no session's bytes for long and takes nobody else's measurement. A connection
that measures never becomes a path.
"""

from collections import Counter
from typing import Final

from services.relay.core.admission import ConnectionId, ConnectionRefusal
from services.relay.core.slots import SlotLimits, Slots
from shared.domain.ids import Instant
from shared.wire.relay import RefusalCode

PINGS_PER_CONNECTION: Final = 8
PINGS_PER_SECOND: Final = 1_000
PINGS_PER_SECOND_OF_SOURCE: Final = 500
PROBING: Final = SlotLimits(per_source=512, total=1_024, seconds=5.0)

_COME_AGAIN_SECONDS: Final = 1


class Probing:
    """The connections that measure."""

    def __init__(self) -> None:
        self._slots = Slots(PROBING)
        self._probes: dict[ConnectionId, tuple[str, int]] = {}
        self._second = Instant(0)
        self._answered = 0
        self._answered_by_source: Counter[str] = Counter()

    def __contains__(self, connection: ConnectionId) -> bool:
        return connection in self._probes

    def __len__(self) -> int:
        return len(self._probes)

    def begin(self, connection: ConnectionId, source: str, now: Instant) -> ConnectionId | None:
        """Start to measure over *connection*; return who has to stop for it, if any."""
        loser = self._slots.take(connection, source, now)
        if loser is not None:
            del self._probes[loser]
        self._probes[connection] = (source, 0)
        return loser

    def count(self, connection: ConnectionId, pings: int, now: Instant) -> ConnectionRefusal | None:
        """Count *pings* more of *connection*; return the refusal when they are too many."""
        source, before = self._probes[connection]
        self._probes[connection] = (source, before + pings)
        if before + pings > PINGS_PER_CONNECTION:
            return too_many_pings(f"a connection has {PINGS_PER_CONNECTION} pings")
        if now - self._second >= 1:
            self._second, self._answered = now, 0
            self._answered_by_source.clear()
        if self._answered_by_source[source] + pings > PINGS_PER_SECOND_OF_SOURCE:
            return too_many_pings("your network measures this node too often; come again")
        if self._answered + pings > PINGS_PER_SECOND:
            return too_many_pings("this node is measured too often; come again")
        self._answered_by_source[source] += pings
        self._answered += pings
        return None

    def forget(self, connection: ConnectionId) -> bool:
        self._slots.release(connection)
        return self._probes.pop(connection, None) is not None

    def expired(self, now: Instant) -> list[ConnectionId]:
        return self._slots.expired(now)

    def deadline(self) -> Instant | None:
        return self._slots.deadline()


def too_many_pings(message: str) -> ConnectionRefusal:
    return ConnectionRefusal(RefusalCode.TOO_MANY_PINGS, message, _COME_AGAIN_SECONDS)
