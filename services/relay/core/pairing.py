"""Decides which two connections become a pair, and which connections are refused.

A new connection has five seconds to send HELLO. Then it waits for the other side of the same
session and generation, at most `WAITING_SECONDS`. When the other side sends its HELLO, the two
connections become a pair: the table forgets the connections and keeps the pair's key.
**A second HELLO of the same side and generation closes both connections of that pair**: the new
connection waits, and the other end dials again. So the end that notices a dead connection replaces
it, and no pair ever has two ends of one side.
A connection that sends PING instead of HELLO only measures, within the bounds of `probing`.

Every method takes one fact and returns the effects to perform, in order.
"""

import hashlib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Final

from services.relay.core.admission import Admission, ConnectionId, ConnectionRefusal
from services.relay.core.limits import stricter_limits
from services.relay.core.probing import Probing
from shared.domain.ids import Instant, PathGeneration, SessionId
from shared.domain.node import Side
from shared.domain.ticket import Ticket, TicketLimits
from shared.wire.relay import HELLO_SECONDS, RefusalCode

WAITING_SECONDS: Final = 60.0
WAITING_PER_SESSION: Final = 2
"""An end without a path dials all its paths at once, so a session may wait more than once."""

MOST_SILENT_CONNECTIONS: Final = 1_024
"""Most connections without a HELLO; further ones are refused at once."""


@dataclass(frozen=True, slots=True, order=True)
class PathKey:
    """One path of one session: two connections whose tickets share it become a pair."""

    session: SessionId
    generation: PathGeneration


@dataclass(frozen=True, slots=True)
class SendWait:
    """Send WAIT to *connection*: the other side has not dialled yet."""

    connection: ConnectionId


@dataclass(frozen=True, slots=True)
class JoinPair:
    """Make two connections a pair and carry their bytes within *limits*."""

    key: PathKey
    first: ConnectionId
    second: ConnectionId
    limits: TicketLimits


@dataclass(frozen=True, slots=True)
class Refuse:
    """Send REFUSED to *connection* and close it."""

    connection: ConnectionId
    refusal: ConnectionRefusal


@dataclass(frozen=True, slots=True)
class ClosePair:
    """Close both connections of the pair *key*."""

    key: PathKey


@dataclass(frozen=True, slots=True)
class AnswerPings:
    """Send a PONG to *connection* for each nonce."""

    connection: ConnectionId
    nonces: tuple[int, ...]


Effect = SendWait | JoinPair | Refuse | ClosePair | AnswerPings
Effects = tuple[Effect, ...]


@dataclass(frozen=True, slots=True)
class _Waiting:
    connection: ConnectionId
    side: Side
    limits: TicketLimits
    until: Instant


@dataclass(frozen=True, slots=True)
class PairingSnapshot:
    """The running pairs and the number of waiting connections at one moment."""

    running: frozenset[PathKey]
    waiting: int

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
    """The pending connections and the pairs of one relay."""

    def __init__(self, admission: Admission) -> None:
        self._admission = admission
        self._silent: dict[ConnectionId, Instant] = {}
        self._waiting: dict[PathKey, _Waiting] = {}
        self._keys: dict[ConnectionId, PathKey] = {}
        self._pairs: set[PathKey] = set()
        self._probing = Probing()

    @property
    def snapshot(self) -> "PairingSnapshot":
        return PairingSnapshot(frozenset(self._pairs), len(self._waiting))

    def add_connection(self, connection: ConnectionId, now: Instant) -> Effects:
        """Take up an accepted *connection*, or refuse it when too many are silent."""
        if len(self._silent) >= MOST_SILENT_CONNECTIONS:
            return (
                _refuse(connection, RefusalCode.FULL, "too many connections without a HELLO", 1),
            )
        self._silent[connection] = Instant(now + HELLO_SECONDS)
        return ()

    def receive_pings(
        self, connection: ConnectionId, nonces: tuple[int, ...], now: Instant
    ) -> Effects:
        """Decide about *connection*, which sent PINGs with a valid probe ticket."""
        is_new = self._silent.pop(connection, None) is not None
        if not is_new and connection not in self._probing:
            return ()
        refusal = self._probing.begin(connection, now) if is_new else None
        refusal = refusal or self._probing.count(connection, len(nonces), now)
        if refusal is None:
            return (AnswerPings(connection, nonces),)
        self._probing.forget(connection)
        return (Refuse(connection, refusal),)

    def receive_hello(self, connection: ConnectionId, ticket: Ticket, now: Instant) -> Effects:
        """Decide about *connection*, which sent HELLO with a valid ticket."""
        if self._probing.forget(connection):
            return (
                _refuse(connection, RefusalCode.BAD_HELLO, "this connection only measures", None),
            )
        if self._silent.pop(connection, None) is None:
            return ()
        key = PathKey(ticket.session, ticket.generation)
        refusal = self._admission.refusal(ticket.session, len(self._pairs - {key}))
        if refusal is not None:
            return (Refuse(connection, refusal),)
        effects = tuple(self._admit(connection, key, ticket, now))
        self._check()
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
        waiting = tuple(key for key in self._waiting if key.session == session)
        return (*self._dismiss(waiting), *(ClosePair(key) for key in ended))

    def tick(self, now: Instant) -> Effects:
        silent = [connection for connection, until in self._silent.items() if until <= now]
        probing = self._probing.expired(now)
        waiting = [each for each in self._waiting.values() if each.until <= now]
        effects = (
            *(_refuse(each, RefusalCode.TIMEOUT, "no HELLO came in time", None) for each in silent),
            *(_refuse(each, RefusalCode.TIMEOUT, "measured for long", None) for each in probing),
            *(
                _refuse(each.connection, RefusalCode.TIMEOUT, "the other side did not come", 1)
                for each in waiting
            ),
        )
        for effect in effects:
            self._forget(effect.connection)
        return effects

    def deadline(self) -> Instant | None:
        """Return when the first connection expires; each table is in order of expiry."""
        silent = next(iter(self._silent.values()), None)
        waiting = next(iter(self._waiting.values()), None)
        waited = waiting.until if waiting is not None else None
        times = (silent, waited, self._probing.deadline())
        return min((time for time in times if time is not None), default=None)

    def describe(self) -> str:
        return (
            f"{len(self._pairs)} pairs, {len(self._waiting)} waiting, "
            f"{len(self._silent)} without a HELLO, {len(self._probing)} measuring"
        )

    def _admit(
        self, connection: ConnectionId, key: PathKey, ticket: Ticket, now: Instant
    ) -> Iterator[Effect]:
        if key in self._pairs:
            self._pairs.discard(key)
            yield ClosePair(key)
        first = self._waiting.pop(key, None)
        if first is not None:
            del self._keys[first.connection]
            if first.side is not ticket.side:
                self._pairs.add(key)
                limits = stricter_limits(first.limits, ticket.limits)
                yield JoinPair(key, first.connection, connection, limits)
                return
            message = "a newer connection of the same side came"
            yield _refuse(first.connection, RefusalCode.REPLACED, message, None)
        if len(self._waiting) >= self._admission.capacity * WAITING_PER_SESSION:
            yield _refuse(connection, RefusalCode.FULL, "too many connections wait here", 5)
            return
        until = Instant(now + WAITING_SECONDS)
        self._waiting[key] = _Waiting(connection, ticket.side, ticket.limits, until)
        self._keys[connection] = key
        yield SendWait(connection)

    def _dismiss(self, keys: Iterable[PathKey]) -> Effects:
        return tuple(self._refuse_waiting(key) for key in keys)

    def _refuse_waiting(self, key: PathKey) -> Refuse:
        waiting = self._waiting.pop(key)
        del self._keys[waiting.connection]
        refusal = self._admission.refusal(key.session, 0)
        assert refusal is not None, "a waiting connection is refused without a reason"
        return Refuse(waiting.connection, refusal)

    def _forget(self, connection: ConnectionId) -> bool:
        """Remove *connection* from every table; False when it was in none."""
        key = self._keys.pop(connection, None)
        if key is not None:
            del self._waiting[key]
        was_silent = self._silent.pop(connection, None) is not None
        return self._probing.forget(connection) or was_silent or key is not None

    def _check(self) -> None:
        assert len(self._keys) == len(self._waiting), "a waiting connection without its key"
        assert not self._pairs & self._waiting.keys(), "a path both waits and runs"


def _refuse(connection: ConnectionId, code: RefusalCode, message: str, retry: int | None) -> Refuse:
    return Refuse(connection, ConnectionRefusal(code, message, retry))
