"""Decides how many pings a connection that measures gets answered.

Endpoints ping to choose a node, not to monitor one. Each connection gets a few answers within a
few seconds, and all connections together get a bounded number each second, so that a flood of
pings delays no session's bytes for long. A connection that measures never becomes a path.
"""

from dataclasses import dataclass
from typing import Final

from services.relay.core.admission import ConnectionId, ConnectionRefusal
from shared.domain.ids import Instant
from shared.wire.relay import RefusalCode

PINGS_PER_CONNECTION: Final = 8
PROBE_SECONDS: Final = 5.0
MOST_PROBING_CONNECTIONS: Final = 256
PINGS_PER_SECOND: Final = 1_000

_COME_AGAIN_SECONDS: Final = 1


@dataclass(slots=True)
class _Probe:
    until: Instant
    pings: int = 0


class Probing:
    """The connections that measure, in the order in which they expire."""

    def __init__(self) -> None:
        self._probes: dict[ConnectionId, _Probe] = {}
        self._second = Instant(0)
        self._answered = 0

    def __contains__(self, connection: ConnectionId) -> bool:
        return connection in self._probes

    def __len__(self) -> int:
        return len(self._probes)

    def begin(self, connection: ConnectionId, now: Instant) -> ConnectionRefusal | None:
        """Start to measure over *connection*; return the refusal when too many measure already."""
        if len(self._probes) >= MOST_PROBING_CONNECTIONS:
            return _too_many("too many connections measure this node; come again")
        self._probes[connection] = _Probe(Instant(now + PROBE_SECONDS))
        return None

    def count(self, connection: ConnectionId, pings: int, now: Instant) -> ConnectionRefusal | None:
        """Count *pings* more of *connection*; return the refusal when they are too many."""
        probe = self._probes[connection]
        probe.pings += pings
        if probe.pings > PINGS_PER_CONNECTION:
            return _too_many(f"a connection has {PINGS_PER_CONNECTION} pings")
        if now - self._second >= 1:
            self._second, self._answered = now, 0
        self._answered += pings
        if self._answered > PINGS_PER_SECOND:
            return _too_many("this node is measured too often; come again")
        return None

    def forget(self, connection: ConnectionId) -> bool:
        return self._probes.pop(connection, None) is not None

    def expired(self, now: Instant) -> list[ConnectionId]:
        return [connection for connection, probe in self._probes.items() if probe.until <= now]

    def deadline(self) -> Instant | None:
        first = next(iter(self._probes.values()), None)
        return None if first is None else first.until


def _too_many(message: str) -> ConnectionRefusal:
    return ConnectionRefusal(RefusalCode.TOO_MANY_PINGS, message, _COME_AGAIN_SECONDS)
