from collections import Counter

from hypothesis import given
from hypothesis import strategies as st

from services.relay.core.admission import Admission, GuestId, Refusal, Remembered
from services.relay.core.reception import (
    Answer,
    Effects,
    Join,
    LetWait,
    Part,
    PathKey,
    Reception,
    Refuse,
)
from shared.domain.ids import Epoch, Instant, NodeId, PathGeneration, SessionId, UnixMillis
from shared.domain.node import Side
from shared.domain.ticket import Ticket
from shared.wire.relay import RefusalCode

KEYS = [PathKey(SessionId(s), PathGeneration(g)) for s in "12" for g in (1, 2)]

ARRIVE = st.just(("arrive",))
HELLO = st.tuples(
    st.just("hello"), st.integers(0, 30), st.sampled_from(KEYS), st.sampled_from(Side)
)
PING = st.tuples(st.just("ping"), st.integers(0, 30), st.integers(1, 5))
LEAVE = st.tuples(st.just("leave"), st.integers(0, 30))
BREACH = st.tuples(st.just("breach"), st.integers(0, 30))
PART = st.tuples(st.just("part"), st.sampled_from(KEYS))
CLOSE = st.tuples(st.just("close"), st.sampled_from([SessionId("1"), SessionId("2")]))
WAIT = st.tuples(st.just("wait"), st.sampled_from([0.5, 5.0, 60.0]))
DRAIN = st.tuples(st.just("drain"), st.booleans())
FACTS = st.lists(
    st.one_of(ARRIVE, ARRIVE, HELLO, HELLO, PING, LEAVE, BREACH, PART, CLOSE, WAIT, DRAIN),
    max_size=60,
)


class Watcher:
    """A relay's connections as the outside sees them, and the laws that they must keep."""

    def __init__(self) -> None:
        self.admission = Admission(2, Remembered())
        self.reception = Reception(self.admission)
        self.now = Instant(0)
        self.arrivals = 0
        self.guests: dict[GuestId, tuple[PathKey, Side] | None] = {}
        self.pings: Counter[GuestId] = Counter()
        self.waits: set[GuestId] = set()
        self.pairs: dict[PathKey, tuple[GuestId, GuestId]] = {}
        self.closed: set[SessionId] = set()

    def arrive(self) -> None:
        self.arrivals += 1
        guest = GuestId(self.arrivals)
        self.guests[guest] = None
        self.watch(self.reception.arrived(guest, self.now))

    def hello(self, index: int, key: PathKey, side: Side) -> None:
        for guest in self._at(index):
            if self.guests[guest] is None and not self.pings[guest]:
                self.guests[guest] = (key, side)
                expires = UnixMillis(10**12)
                ticket = Ticket(key.session, side, NodeId("n"), key.generation, expires)
                self.watch(self.reception.said_hello(guest, ticket, self.now))

    def ping(self, index: int, count: int) -> None:
        for guest in self._at(index):
            if self.guests[guest] is None:
                self.pings[guest] += count
                self.watch(self.reception.pinged(guest, tuple(range(count)), self.now))

    def leave(self, index: int) -> None:
        for guest in self._at(index):
            del self.guests[guest]
            self.waits.discard(guest)
            self.reception.left(guest)

    def breach(self, index: int) -> None:
        for guest in self._at(index):
            refusal = Refusal(RefusalCode.BAD_HELLO, "garbage")
            self.watch(self.reception.broke_protocol(guest, refusal))

    def part(self, key: PathKey) -> None:
        if self.pairs.pop(key, None):
            self.reception.parted(key)

    def close(self, session: SessionId) -> None:
        self.admission.close(session, UnixMillis(1))
        self.closed.add(session)
        self.watch(self.reception.close(session))

    def wait(self, seconds: float) -> None:
        self.now = Instant(self.now + seconds)
        self.watch(self.reception.tick(self.now))

    def drain(self, draining: bool) -> None:
        self.admission.order_drain(Epoch(1), draining=draining)
        self.watch(self.reception.drain() if draining else ())

    def watch(self, effects: Effects) -> None:
        for effect in effects:
            match effect:
                case Answer(guest, nonces):
                    assert guest in self.guests, "somebody unknown is answered"
                    assert len(nonces) <= self.pings[guest] <= 8, "too many answers"
                case LetWait(guest):
                    assert guest in self.guests, "somebody unknown waits"
                    assert not self.pings[guest], "a guest that measured waits"
                    self.waits.add(guest)
                case Join(key, first, second):
                    assert key not in self.pairs, "a path has two pairs"
                    assert first in self.waits, "the first of a pair did not wait"
                    sides = {self.guests[each] for each in (first, second)}
                    assert sides == {(key, side) for side in Side}, "a pair of the wrong two"
                    assert key.session not in self.closed, "a closed session runs again"
                    assert not self.admission.draining, "a draining relay made a pair"
                    del self.guests[first], self.guests[second]
                    self.waits.discard(first)
                    self.pairs[key] = (first, second)
                case Refuse(guest):
                    assert guest in self.guests, "a guest is refused twice"
                    del self.guests[guest]
                    self.waits.discard(guest)
                case Part(key):
                    assert key in self.pairs, "a pair that is none is parted"
                    del self.pairs[key]

    def check(self) -> None:
        assert self.reception.reading.pairs == len(self.pairs) <= 2
        assert self.reception.reading.waiting == len(self.waits) <= 4
        assert not {key.session for key in self.pairs} & self.closed
        deadline = self.reception.deadline()
        assert (deadline is None) == (not self.guests)
        assert deadline is None or deadline > self.now

    def _at(self, index: int) -> tuple[GuestId, ...]:
        guests = sorted(self.guests)
        return (guests[index % len(guests)],) if guests else ()


@given(FACTS)
def test_whatever_happens_every_guest_has_one_fate_and_every_pair_two_sides(
    facts: list[tuple[object, ...]],
) -> None:
    watcher = Watcher()
    for fact in facts:
        getattr(watcher, str(fact[0]))(*fact[1:])
        watcher.check()
