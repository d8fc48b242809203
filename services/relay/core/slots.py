"""Decides who keeps a slot when more connections want one than there are.

A connection holds a slot for a bounded time; sources share the slots of one kind. **A newcomer
always gets a slot.** When its source holds as many as one source may, the oldest connection of that
source loses its own. When all slots are held, the oldest connection of the source that holds most
loses its own, so that no source takes the slots of those that hold fewer. Honest connections need
a slot for one round trip, so they are never the oldest for long.

This is buffer stealing of fair queueing: drop from the head of the longest queue (McKenney,
*Stochastic Fairness Queueing*, 1990; RFC 8290, section 4.1). Every call takes constant time.
"""

from collections import OrderedDict
from dataclasses import dataclass

from services.relay.core.admission import ConnectionId
from shared.domain.ids import Instant


@dataclass(frozen=True, slots=True)
class SlotLimits:
    """The slots of one source and of all, and the seconds for which a connection holds one."""

    per_source: int
    total: int
    seconds: float


@dataclass(slots=True)
class _Slot:
    source: str
    until: Instant


class Slots:
    """The slots of one kind; the connections stand in the order in which their time is over."""

    def __init__(self, limits: SlotLimits) -> None:
        self.limits = limits
        self._slots: OrderedDict[ConnectionId, _Slot] = OrderedDict()
        self._by_source: dict[str, dict[ConnectionId, None]] = {}
        self._by_count: dict[int, dict[str, None]] = {}
        self._most = 0

    def __contains__(self, connection: ConnectionId) -> bool:
        return connection in self._slots

    def __len__(self) -> int:
        return len(self._slots)

    def take(self, connection: ConnectionId, source: str, now: Instant) -> ConnectionId | None:
        """Give *connection* a slot; return the connection that loses its own for it, if any."""
        assert connection not in self._slots, "a connection holds one slot"
        loser = self._choose_loser(source)
        if loser is not None:
            self.release(loser)
        self._slots[connection] = _Slot(source, Instant(now + self.limits.seconds))
        self._count(connection, source)
        return loser

    def move(self, connection: ConnectionId, source: str) -> ConnectionId | None:
        """Count the slot of *connection* for *source*, and keep its time; return who loses one."""
        slot = self._slots[connection]
        self._discount(connection, slot.source)
        loser = None
        if len(self._by_source.get(source, ())) >= self.limits.per_source:
            loser = next(iter(self._by_source[source]))
            self.release(loser)
        slot.source = source
        self._count(connection, source)
        return loser

    def release(self, connection: ConnectionId) -> str | None:
        """Free the slot of *connection* and return its source; None when it has none."""
        slot = self._slots.pop(connection, None)
        if slot is None:
            return None
        self._discount(connection, slot.source)
        return slot.source

    def longest_held_of_largest(self) -> ConnectionId | None:
        """Return the oldest connection of the source that holds most; None when none is held."""
        if not self._most:
            return None
        return next(iter(self._by_source[next(iter(self._by_count[self._most]))]))

    def expired(self, now: Instant) -> list[ConnectionId]:
        """List the connections whose time is over."""
        found: list[ConnectionId] = []
        for connection, slot in self._slots.items():
            if slot.until > now:
                break
            found.append(connection)
        return found

    def deadline(self) -> Instant | None:
        """Return when the first connection's time is over."""
        first = next(iter(self._slots.values()), None)
        return None if first is None else first.until

    def _choose_loser(self, source: str) -> ConnectionId | None:
        own = self._by_source.get(source, {})
        is_full = len(self._slots) >= self.limits.total
        if len(own) >= self.limits.per_source or (is_full and 0 < len(own) == self._most):
            return next(iter(own))
        return self.longest_held_of_largest() if is_full else None

    def _count(self, connection: ConnectionId, source: str) -> None:
        own = self._by_source.setdefault(source, {})
        own[connection] = None
        self._regroup(source, len(own) - 1, len(own))

    def _discount(self, connection: ConnectionId, source: str) -> None:
        own = self._by_source[source]
        del own[connection]
        self._regroup(source, len(own) + 1, len(own))
        if not own:
            del self._by_source[source]

    def _regroup(self, source: str, before: int, after: int) -> None:
        if before:
            del self._by_count[before][source]
            if not self._by_count[before]:
                del self._by_count[before]
        if after:
            self._by_count.setdefault(after, {})[source] = None
        if after > self._most or (before == self._most and before not in self._by_count):
            self._most = after
