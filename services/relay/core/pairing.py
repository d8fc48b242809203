"""Decides which two connections become a pair, and which connections are refused.

A new connection has five seconds to send HELLO (see `arrivals`). Then it waits for the other side
of the same session and generation (see `waiting`). When the other side sends its HELLO, the two
connections become a pair: the table forgets the connections and keeps the pair's key.
**A second HELLO of the same side and generation closes both connections of that pair**: the new
connection waits, and the other end dials again. So the end that notices a dead connection replaces
it, and no pair ever has two ends of one side.

Every method takes one fact and returns the effects to perform, in order.
"""

import hashlib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from services.relay.core.admission import Admission, ConnectionId, ConnectionRefusal
from services.relay.core.arrivals import Arrivals
from services.relay.core.effects import (
    ClosePair,
    Effect,
    Effects,
    JoinPair,
    PathKey,
    Refuse,
    SendWait,
    refuse,
)
from services.relay.core.limits import stricter_limits
from services.relay.core.waiting import WaitingConnection, WaitingTable
from shared.domain.ids import Instant, SessionId
from shared.domain.ticket import Ticket
from shared.wire.relay import RefusalCode


@dataclass(frozen=True, slots=True)
class PairingSnapshot:
    """The running pairs, and the numbers of waiting and of silent connections at one moment."""

    running: frozenset[PathKey]
    waiting: int
    silent: int

    @property
    def pairs(self) -> int:
        return len(self.running)

    @property
    def sessions(self) -> int:
        """Return how many sessions have a running pair."""
        return len({key.session for key in self.running})

    @property
    def digest(self) -> str:
        """Return 16 hex digits that are equal for equal sets of running pairs."""
        text = "\n".join(f"{key.session} {key.generation}" for key in sorted(self.running))
        return hashlib.sha256(text.encode()).hexdigest()[:16]


class PairingTable:
    """The waiting connections and the pairs of one relay; *arrivals* are those before a HELLO."""

    def __init__(self, admission: Admission) -> None:
        self.arrivals = Arrivals()
        self._admission = admission
        self._waiting = WaitingTable()
        self._pairs: set[PathKey] = set()

    @property
    def snapshot(self) -> "PairingSnapshot":
        return PairingSnapshot(frozenset(self._pairs), len(self._waiting), self.arrivals.silent)

    def receive_hello(self, connection: ConnectionId, ticket: Ticket, now: Instant) -> Effects:
        """Decide about *connection*, which sent HELLO with a valid ticket."""
        source = self.arrivals.receive_hello(connection)
        if source is None:
            return ()
        if isinstance(source, Refuse):
            return (source,)
        key = PathKey(ticket.session, ticket.generation)
        other_pairs = len(self._pairs) - (key in self._pairs)
        refusal = self._admission.refusal(ticket.session, other_pairs)
        if refusal is not None:
            return (Refuse(connection, refusal),)
        asking = WaitingConnection(connection, key, ticket.side, ticket.limits)
        effects = tuple(self._admit(asking, source, now))
        assert not (key in self._pairs and key in self._waiting), "a path both waits and runs"
        return effects

    def reject(self, connection: ConnectionId, refusal: ConnectionRefusal) -> Effects:
        """Refuse *connection*: it broke the protocol, or its ticket is not valid."""
        return (Refuse(connection, refusal),) if self._forget(connection) else ()

    def remove_connection(self, connection: ConnectionId) -> None:
        """Forget *connection*, which was closed."""
        self._forget(connection)

    def remove_pair(self, key: PathKey) -> None:
        """Forget the pair *key*, which ended by itself."""
        self._pairs.discard(key)

    def drain(self) -> Effects:
        """Refuse the waiting connections: the node takes no new pair from now on."""
        return self._dismiss(tuple(self._waiting))

    def close_session(self, session: SessionId) -> Effects:
        """Refuse the waiting connections of *session* and close its pairs."""
        ended = sorted(key for key in self._pairs if key.session == session)
        self._pairs.difference_update(ended)
        waiting = self._waiting.keys_of(session)
        return (*self._dismiss(waiting), *(ClosePair(key) for key in ended))

    def tick(self, now: Instant) -> Effects:
        late = self._waiting.expired(now)
        for connection in late:
            self._waiting.remove(connection)
        message = "the other side did not come"
        return (
            *self.arrivals.tick(now),
            *(refuse(each, RefusalCode.TIMEOUT, message, 1) for each in late),
        )

    def deadline(self) -> Instant | None:
        """Return when the first connection's time is over."""
        times = (self.arrivals.deadline(), self._waiting.deadline())
        return min((time for time in times if time is not None), default=None)

    def describe(self) -> str:
        return f"{len(self._pairs)} pairs, {len(self._waiting)} waiting, {self.arrivals.describe()}"

    def _admit(self, asking: WaitingConnection, source: str, now: Instant) -> Iterator[Effect]:
        key, connection = asking.key, asking.connection
        if key in self._pairs:
            self._pairs.discard(key)
            yield ClosePair(key)
        first = self._waiting.pop(key)
        if first is not None:
            if first.side is not asking.side:
                self._pairs.add(key)
                limits = stricter_limits(first.limits, asking.limits)
                yield JoinPair(key, first.connection, connection, limits)
                return
            message = "a newer connection of the same side came"
            yield refuse(first.connection, RefusalCode.REPLACED, message, None)
        for loser in self._waiting.add(asking, source, now, self._admission.capacity):
            yield refuse(loser, RefusalCode.FULL, "too many connections wait here", 5)
        yield SendWait(connection)

    def _dismiss(self, keys: Iterable[PathKey]) -> Effects:
        return tuple(self._refuse_waiting(key) for key in keys)

    def _refuse_waiting(self, key: PathKey) -> Refuse:
        waiting = self._waiting.pop(key)
        refusal = self._admission.refusal(key.session, 0)
        assert waiting is not None, "nobody waits for this path"
        assert refusal is not None, "a waiting connection is refused without a reason"
        return Refuse(waiting.connection, refusal)

    def _forget(self, connection: ConnectionId) -> bool:
        """Remove *connection* from every table; False when it was in none."""
        return self._waiting.remove(connection) or self.arrivals.forget(connection)
