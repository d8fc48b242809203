from collections import Counter

from hypothesis import given
from hypothesis import strategies as st

from services.relay.core.admission import Admission, ConnectionId, ConnectionRefusal, RelayState
from services.relay.core.effects import (
    AnswerPings,
    ClosePair,
    Effects,
    JoinPair,
    PathKey,
    Refuse,
    SendWait,
)
from services.relay.core.pairing import PairingTable
from shared.domain.ids import Epoch, Instant, NodeId, PathGeneration, SessionId, UnixMillis
from shared.domain.node import Side
from shared.domain.ticket import Ticket
from shared.wire.relay import RefusalCode

KEYS = [PathKey(SessionId(s), PathGeneration(g)) for s in "12" for g in (1, 2)]

ARRIVE = st.tuples(st.just("arrive"), st.sampled_from(["192.0.2.1", "2001:db8::/64"]))
HELLO = st.tuples(
    st.just("hello"), st.integers(0, 30), st.sampled_from(KEYS), st.sampled_from(Side)
)
PING = st.tuples(st.just("ping"), st.integers(0, 30), st.integers(1, 5))
DISCONNECT = st.tuples(st.just("disconnect"), st.integers(0, 30))
BREACH = st.tuples(st.just("breach"), st.integers(0, 30))
PART = st.tuples(st.just("part"), st.sampled_from(KEYS))
CLOSE = st.tuples(st.just("close"), st.sampled_from([SessionId("1"), SessionId("2")]))
WAIT = st.tuples(st.just("wait"), st.sampled_from([0.5, 5.0, 60.0]))
DRAIN = st.tuples(st.just("drain"), st.booleans())
FACTS = st.lists(
    st.one_of(ARRIVE, ARRIVE, HELLO, HELLO, PING, DISCONNECT, BREACH, PART, CLOSE, WAIT, DRAIN),
    max_size=60,
)


class Watcher:
    """A relay's connections as the outside sees them, and the laws that they must keep."""

    def __init__(self) -> None:
        self.admission = Admission(2, RelayState())
        self.pairings = PairingTable(self.admission)
        self.now = Instant(0)
        self.arrivals = 0
        self.connections: dict[ConnectionId, tuple[PathKey, Side] | None] = {}
        self.pings: Counter[ConnectionId] = Counter()
        self.waits: set[ConnectionId] = set()
        self.pairs: dict[PathKey, tuple[ConnectionId, ConnectionId]] = {}
        self.closed: set[SessionId] = set()

    def arrive(self, source: str) -> None:
        self.arrivals += 1
        connection = ConnectionId(self.arrivals)
        self.connections[connection] = None
        self.watch(self.pairings.arrivals.add(connection, source, self.now))

    def hello(self, index: int, key: PathKey, side: Side) -> None:
        for connection in self._at(index):
            if self.connections[connection] is None and not self.pings[connection]:
                self.connections[connection] = (key, side)
                expires = UnixMillis(10**12)
                ticket = Ticket(key.session, side, NodeId("n"), key.generation, expires)
                self.watch(self.pairings.receive_hello(connection, ticket, self.now))

    def ping(self, index: int, count: int) -> None:
        for connection in self._at(index):
            if self.connections[connection] is None:
                self.pings[connection] += count
                self.watch(
                    self.pairings.arrivals.receive_pings(connection, tuple(range(count)), self.now)
                )

    def disconnect(self, index: int) -> None:
        for connection in self._at(index):
            del self.connections[connection]
            self.waits.discard(connection)
            self.pairings.remove_connection(connection)

    def breach(self, index: int) -> None:
        for connection in self._at(index):
            refusal = ConnectionRefusal(RefusalCode.BAD_HELLO, "garbage")
            self.watch(self.pairings.reject(connection, refusal))

    def part(self, key: PathKey) -> None:
        if self.pairs.pop(key, None):
            self.pairings.remove_pair(key)

    def close(self, session: SessionId) -> None:
        self.admission.close(session, UnixMillis(1))
        self.closed.add(session)
        self.watch(self.pairings.close_session(session))

    def wait(self, seconds: float) -> None:
        self.now = Instant(self.now + seconds)
        self.watch(self.pairings.tick(self.now))

    def drain(self, draining: bool) -> None:
        self.admission.order_drain(Epoch(1), draining=draining)
        self.watch(self.pairings.drain() if draining else ())

    def watch(self, effects: Effects) -> None:
        for effect in effects:
            match effect:
                case AnswerPings(connection, nonces):
                    assert connection in self.connections, "somebody unknown is answered"
                    assert len(nonces) <= self.pings[connection] <= 8, "too many answers"
                case SendWait(connection):
                    assert connection in self.connections, "somebody unknown waits"
                    assert not self.pings[connection], "a connection that measured waits"
                    self.waits.add(connection)
                case JoinPair(key, first, second):
                    assert key not in self.pairs, "a path has two pairs"
                    assert first in self.waits, "the first of a pair did not wait"
                    sides = {self.connections[each] for each in (first, second)}
                    assert sides == {(key, side) for side in Side}, "a pair of the wrong two"
                    assert key.session not in self.closed, "a closed session runs again"
                    assert not self.admission.draining, "a draining relay made a pair"
                    del self.connections[first], self.connections[second]
                    self.waits.discard(first)
                    self.pairs[key] = (first, second)
                case Refuse(connection):
                    assert connection in self.connections, "a connection is refused twice"
                    del self.connections[connection]
                    self.waits.discard(connection)
                case ClosePair(key):
                    assert key in self.pairs, "a pair that is none is parted"
                    del self.pairs[key]

    def check(self) -> None:
        assert self.pairings.snapshot.pairs == len(self.pairs) <= 2
        assert self.pairings.snapshot.waiting == len(self.waits) <= 4
        assert not {key.session for key in self.pairs} & self.closed
        deadline = self.pairings.deadline()
        assert (deadline is None) == (not self.connections)
        assert deadline is None or deadline > self.now

    def _at(self, index: int) -> tuple[ConnectionId, ...]:
        connections = sorted(self.connections)
        return (connections[index % len(connections)],) if connections else ()


@given(FACTS)
def test_whatever_happens_every_connection_has_one_outcome_and_every_pair_two_sides(
    facts: list[tuple[object, ...]],
) -> None:
    watcher = Watcher()
    for fact in facts:
        getattr(watcher, str(fact[0]))(*fact[1:])
        watcher.check()
