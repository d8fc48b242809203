"""Decides which connections wait for the other side of their path, and who has to give way.

A connection waits after its HELLO, at most `WAITING_SECONDS`. The slots for it are shared fairly
between sources (see `slots`); their number follows the node's capacity. A session waits with a few
generations at most: the oldest gives way to the newest.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from services.relay.core.admission import ConnectionId
from services.relay.core.effects import PathKey
from services.relay.core.slots import SlotLimits, Slots
from shared.domain.ids import Instant, SessionId
from shared.domain.node import Side
from shared.domain.ticket import TicketLimits

WAITING_SECONDS: Final = 60.0
WAITING_PER_CAPACITY: Final = 2
"""Slots for each session that the node may carry: an end without a path dials all its paths."""

WAITING_PER_SESSION: Final = 4


@dataclass(frozen=True, slots=True)
class WaitingConnection:
    """A connection whose other side has not come yet, and the path that it asks for."""

    connection: ConnectionId
    key: PathKey
    side: Side
    limits: TicketLimits


class WaitingTable:
    """The waiting connections of one relay, at most one for each path."""

    def __init__(self) -> None:
        self._by_key: dict[PathKey, WaitingConnection] = {}
        self._keys: dict[ConnectionId, PathKey] = {}
        self._by_session: dict[SessionId, dict[PathKey, None]] = {}
        self._slots = Slots(_limits(1))

    def __len__(self) -> int:
        return len(self._by_key)

    def __contains__(self, key: PathKey) -> bool:
        return key in self._by_key

    def __iter__(self) -> Iterator[PathKey]:
        return iter(self._by_key)

    def add(
        self, waiting: WaitingConnection, source: str, now: Instant, capacity: int
    ) -> tuple[ConnectionId, ...]:
        """Let *waiting* wait at a node of *capacity*; return those that have to go for it."""
        assert waiting.key not in self._by_key, "two connections wait for one path"
        losers: list[ConnectionId] = []
        own = self._by_session.get(waiting.key.session, {})
        if len(own) >= WAITING_PER_SESSION:
            losers.append(self._by_key[next(iter(own))].connection)
            self.remove(losers[0])
        self._slots.limits = _limits(capacity)
        loser = self._slots.take(waiting.connection, source, now)
        if loser is not None:
            losers.append(loser)
            self.remove(loser)
        self._by_key[waiting.key] = waiting
        self._keys[waiting.connection] = waiting.key
        self._by_session.setdefault(waiting.key.session, {})[waiting.key] = None
        self._check()
        return tuple(losers)

    def pop(self, key: PathKey) -> WaitingConnection | None:
        """Take the connection that waits for the path *key* out of the table."""
        waiting = self._by_key.get(key)
        if waiting is not None:
            self.remove(waiting.connection)
        return waiting

    def remove(self, connection: ConnectionId) -> bool:
        """Take *connection* out of the table; False when it does not wait."""
        key = self._keys.pop(connection, None)
        if key is None:
            return False
        self._slots.release(connection)
        del self._by_key[key]
        own = self._by_session[key.session]
        del own[key]
        if not own:
            del self._by_session[key.session]
        return True

    def keys_of(self, session: SessionId) -> tuple[PathKey, ...]:
        """List the paths of *session* that are waited for."""
        return tuple(self._by_session.get(session, ()))

    def expired(self, now: Instant) -> list[ConnectionId]:
        return self._slots.expired(now)

    def deadline(self) -> Instant | None:
        return self._slots.deadline()

    def _check(self) -> None:
        assert len(self._keys) == len(self._by_key) == len(self._slots), (
            "a waiting connection without its key or slot"
        )


def _limits(capacity: int) -> SlotLimits:
    slots = max(1, capacity) * WAITING_PER_CAPACITY
    return SlotLimits(per_source=slots, total=slots, seconds=WAITING_SECONDS)
