import pytest

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
from services.relay.core.probing import PINGS_PER_CONNECTION, PROBING
from services.relay.core.waiting import WAITING_PER_SESSION, WAITING_SECONDS
from shared.domain.ids import Epoch, Instant, NodeId, PathGeneration, SessionId, UnixMillis
from shared.domain.node import Side
from shared.domain.ticket import Ticket, TicketLimits
from shared.wire.relay import HELLO_SECONDS, RefusalCode

CUSTOMER, REPRESENTATIVE = Side.CUSTOMER, Side.REPRESENTATIVE
ONE = PathKey(SessionId("1111111"), PathGeneration(1))
TWO = PathKey(SessionId("2222222"), PathGeneration(1))
NONE = TicketLimits()


class Scene:
    """A pairing table with a clock, and connections that are numbered as they come."""

    def __init__(self, capacity: int = 10) -> None:
        self.now = Instant(0)
        self.admission = Admission(capacity, RelayState())
        self.pairings = PairingTable(self.admission)
        self._connections = 0

    def arrive(self, source: str = "192.0.2.1") -> ConnectionId:
        self._connections += 1
        assert self.pairings.arrivals.add(ConnectionId(self._connections), source, self.now) == ()
        return ConnectionId(self._connections)

    def hello(
        self, key: PathKey, side: Side, limits: TicketLimits = NONE, source: str = "192.0.2.1"
    ) -> tuple[ConnectionId, Effects]:
        connection = self.arrive(source)
        return connection, self.say(connection, key, side, limits)

    def say(
        self, connection: ConnectionId, key: PathKey, side: Side, limits: TicketLimits = NONE
    ) -> Effects:
        expires = UnixMillis(10**12)
        ticket = Ticket(key.session, side, NodeId("berlin"), key.generation, expires, limits)
        return self.pairings.receive_hello(connection, ticket, self.now)

    def ping(self, connection: ConnectionId, *nonces: int) -> Effects:
        return self.pairings.arrivals.receive_pings(connection, nonces, self.now)

    def pair(self, key: PathKey) -> None:
        self.hello(key, CUSTOMER)
        _, effects = self.hello(key, REPRESENTATIVE)
        assert isinstance(effects[-1], JoinPair)

    def later(self, seconds: float) -> Effects:
        self.now = Instant(self.now + seconds)
        return self.pairings.tick(self.now)


def codes(effects: Effects) -> list[tuple[ConnectionId, RefusalCode]]:
    return [(e.connection, e.refusal.code) for e in effects if isinstance(e, Refuse)]


def test_the_first_side_waits_and_the_second_makes_the_pair() -> None:
    scene = Scene()
    first, effects = scene.hello(ONE, CUSTOMER)
    assert effects == (SendWait(first),)
    second, effects = scene.hello(ONE, REPRESENTATIVE)
    assert effects == (JoinPair(ONE, first, second, NONE),)
    assert (scene.pairings.snapshot.pairs, scene.pairings.snapshot.waiting) == (1, 0)
    assert scene.pairings.deadline() is None


def test_a_pair_has_the_stricter_limits_of_both_tickets() -> None:
    scene = Scene()
    scene.hello(ONE, CUSTOMER, TicketLimits(5, 0))
    _, (join,) = scene.hello(ONE, REPRESENTATIVE, TicketLimits(9, 60))
    assert isinstance(join, JoinPair)
    assert join.limits == TicketLimits(5, 60)


@pytest.mark.parametrize(
    "other",
    [PathKey(ONE.session, PathGeneration(2)), TWO],
)
def test_another_session_or_generation_is_another_path(other: PathKey) -> None:
    scene = Scene()
    scene.hello(ONE, CUSTOMER)
    connection, effects = scene.hello(other, REPRESENTATIVE)
    assert effects == (SendWait(connection),)
    assert scene.pairings.snapshot.waiting == 2


def test_a_second_hello_of_the_same_side_takes_the_place_of_the_one_that_waits() -> None:
    scene = Scene()
    first, _ = scene.hello(ONE, CUSTOMER)
    second, effects = scene.hello(ONE, CUSTOMER)
    assert codes(effects) == [(first, RefusalCode.REPLACED)]
    assert effects[-1] == SendWait(second)
    third, effects = scene.hello(ONE, REPRESENTATIVE)
    assert effects == (JoinPair(ONE, second, third, NONE),)


@pytest.mark.parametrize("side", list(Side))
def test_a_second_hello_of_a_pair_s_side_closes_the_pair_and_waits(side: Side) -> None:
    scene = Scene()
    scene.pair(ONE)
    newcomer, effects = scene.hello(ONE, side)
    assert effects == (ClosePair(ONE), SendWait(newcomer))
    assert scene.pairings.snapshot.pairs == 0
    back, effects = scene.hello(ONE, side.other)
    assert effects == (JoinPair(ONE, newcomer, back, NONE),)


def test_a_connection_that_left_is_not_waited_for() -> None:
    scene = Scene()
    first, _ = scene.hello(ONE, CUSTOMER)
    scene.pairings.remove_connection(first)
    second, effects = scene.hello(ONE, REPRESENTATIVE)
    assert effects == (SendWait(second),)


def test_a_connection_that_leaves_without_a_word_is_forgotten() -> None:
    scene = Scene()
    scene.pairings.remove_connection(scene.arrive())
    assert scene.pairings.deadline() is None
    assert scene.later(100) == ()


def test_a_pair_that_parted_makes_room_and_can_come_again() -> None:
    scene = Scene(capacity=1)
    scene.pair(ONE)
    scene.pairings.remove_pair(ONE)
    assert scene.pairings.snapshot.sessions == 0
    scene.pair(ONE)
    assert scene.pairings.snapshot.sessions == 1


def test_no_hello_in_time_is_refused() -> None:
    scene = Scene()
    connection = scene.arrive()
    assert scene.pairings.deadline() == HELLO_SECONDS
    assert scene.later(HELLO_SECONDS - 0.1) == ()
    assert codes(scene.later(0.1)) == [(connection, RefusalCode.TIMEOUT)]
    assert scene.say(connection, ONE, CUSTOMER) == ()
    assert scene.later(0) == ()


def test_waiting_ends_after_its_time_and_says_when_to_come_again() -> None:
    scene = Scene()
    connection, _ = scene.hello(ONE, CUSTOMER)
    assert scene.pairings.deadline() == WAITING_SECONDS
    (refuse,) = scene.later(WAITING_SECONDS)
    refusal = ConnectionRefusal(RefusalCode.TIMEOUT, "the other side did not come", 1)
    assert refuse == Refuse(connection, refusal)
    assert scene.pairings.snapshot.waiting == 0


def test_the_deadline_is_the_first_of_all_connections() -> None:
    scene = Scene()
    scene.hello(ONE, CUSTOMER)
    scene.later(1)
    scene.arrive()
    assert scene.pairings.deadline() == 1 + HELLO_SECONDS
    scene.later(HELLO_SECONDS)
    assert scene.pairings.deadline() == WAITING_SECONDS


def test_one_who_replaced_another_waits_its_own_full_time() -> None:
    scene = Scene()
    scene.hello(ONE, CUSTOMER)
    scene.later(30)
    scene.hello(ONE, CUSTOMER)
    assert scene.pairings.deadline() == 30 + WAITING_SECONDS


def test_a_full_relay_refuses_a_new_session_but_not_the_return_of_its_own() -> None:
    scene = Scene(capacity=1)
    scene.pair(ONE)
    stranger, effects = scene.hello(TWO, CUSTOMER)
    assert codes(effects) == [(stranger, RefusalCode.FULL)]
    connection, effects = scene.hello(ONE, CUSTOMER)
    assert effects == (ClosePair(ONE), SendWait(connection))


def test_a_pair_that_would_be_one_too_many_is_refused_when_its_second_side_comes() -> None:
    scene = Scene(capacity=1)
    scene.hello(ONE, CUSTOMER)
    scene.hello(TWO, CUSTOMER)
    scene.hello(TWO, REPRESENTATIVE)
    late, effects = scene.hello(ONE, REPRESENTATIVE)
    assert codes(effects) == [(late, RefusalCode.FULL)]
    assert scene.pairings.snapshot.pairs == 1


def test_only_so_many_connections_may_wait_and_the_longest_of_the_largest_source_goes() -> None:
    scene = Scene(capacity=2)
    paths = [PathKey(SessionId(f"{number}000000"), PathGeneration(1)) for number in range(5)]
    scene.hello(paths[0], CUSTOMER, source="198.51.100.1")
    second, _ = scene.hello(paths[1], CUSTOMER)
    for path in paths[2:4]:
        scene.hello(path, CUSTOMER)
    last, effects = scene.hello(paths[4], CUSTOMER, source="203.0.113.1")
    assert codes(effects) == [(second, RefusalCode.FULL)]
    assert effects[-1] == SendWait(last)
    assert scene.pairings.snapshot.waiting == 4


def test_a_session_waits_with_its_newest_generations() -> None:
    scene = Scene()
    paths = [
        PathKey(ONE.session, PathGeneration(each)) for each in range(1, WAITING_PER_SESSION + 2)
    ]
    first, *_ = [scene.hello(path, CUSTOMER)[0] for path in paths[:-1]]
    last, effects = scene.hello(paths[-1], CUSTOMER)
    assert codes(effects) == [(first, RefusalCode.FULL)]
    assert effects[-1] == SendWait(last)
    assert scene.pairings.snapshot.waiting == WAITING_PER_SESSION
    _, effects = scene.hello(paths[-1], REPRESENTATIVE)
    assert isinstance(effects[-1], JoinPair)


def test_draining_sends_on_who_waits_and_leaves_pairs_alone() -> None:
    scene = Scene()
    scene.pair(ONE)
    connection, _ = scene.hello(TWO, CUSTOMER)
    scene.admission.order_drain(Epoch(1), draining=True)
    assert codes(scene.pairings.drain()) == [(connection, RefusalCode.DRAINING)]
    assert (scene.pairings.snapshot.pairs, scene.pairings.snapshot.waiting) == (1, 0)
    newcomer, effects = scene.hello(ONE, CUSTOMER)
    assert codes(effects) == [(newcomer, RefusalCode.DRAINING)]
    assert scene.pairings.snapshot.pairs == 1


def test_closing_a_session_ends_its_pairs_and_its_connections_and_nobody_else_s() -> None:
    scene = Scene()
    scene.pair(ONE)
    scene.pair(TWO)
    connection, _ = scene.hello(PathKey(ONE.session, PathGeneration(2)), CUSTOMER)
    scene.admission.close(ONE.session, UnixMillis(10**12))
    effects = scene.pairings.close_session(ONE.session)
    assert codes(effects) == [(connection, RefusalCode.CLOSED)]
    assert effects[-1] == ClosePair(ONE)
    assert scene.pairings.snapshot.sessions == 1
    late, effects = scene.hello(ONE, CUSTOMER)
    assert codes(effects) == [(late, RefusalCode.CLOSED)]


@pytest.mark.parametrize("waits", [True, False])
def test_a_connection_that_breaks_the_protocol_is_refused_once(waits: bool) -> None:
    scene = Scene()
    connection = scene.hello(ONE, CUSTOMER)[0] if waits else scene.arrive()
    refusal = ConnectionRefusal(RefusalCode.BAD_HELLO, "garbage")
    assert scene.pairings.reject(connection, refusal) == (Refuse(connection, refusal),)
    assert scene.pairings.reject(connection, refusal) == ()
    assert scene.pairings.snapshot.waiting == 0


def test_sessions_are_counted_once_however_many_paths_they_have() -> None:
    scene = Scene()
    scene.pair(ONE)
    scene.pair(PathKey(ONE.session, PathGeneration(2)))
    assert (scene.pairings.snapshot.sessions, scene.pairings.snapshot.pairs) == (1, 2)


def test_equal_pairs_have_equal_digests_in_whatever_order_they_came() -> None:
    one, other = Scene(), Scene()
    assert one.pairings.snapshot.digest == other.pairings.snapshot.digest
    one.pair(ONE)
    assert one.pairings.snapshot.digest != other.pairings.snapshot.digest
    one.pair(TWO)
    other.pair(TWO)
    other.pair(ONE)
    assert one.pairings.snapshot.digest == other.pairings.snapshot.digest


def test_a_pairing_table_describes_itself_in_one_line() -> None:
    scene = Scene()
    scene.pair(ONE)
    scene.hello(TWO, CUSTOMER)
    scene.arrive()
    assert scene.pairings.describe() == ("1 pairs, 1 waiting, 1 without a HELLO, 0 measuring")


def test_a_connection_that_measures_is_answered_ping_by_ping_and_takes_no_place() -> None:
    scene = Scene()
    connection = scene.arrive()
    assert scene.ping(connection, 5) == (AnswerPings(connection, (5,)),)
    assert scene.ping(connection, 6, 7) == (AnswerPings(connection, (6, 7)),)
    assert (scene.pairings.snapshot.waiting, scene.pairings.snapshot.pairs) == (0, 0)


def test_a_draining_and_a_full_node_are_measured_too() -> None:
    scene = Scene(capacity=1)
    scene.pair(ONE)
    scene.admission.order_drain(Epoch(1), draining=True)
    connection = scene.arrive()
    assert scene.ping(connection, 5) == (AnswerPings(connection, (5,)),)


def test_a_connection_has_a_few_pings_and_no_more() -> None:
    scene = Scene()
    connection = scene.arrive()
    scene.ping(connection, *range(PINGS_PER_CONNECTION))
    assert codes(scene.ping(connection, 99)) == [(connection, RefusalCode.TOO_MANY_PINGS)]
    assert scene.ping(connection, 100) == ()
    assert scene.pairings.deadline() is None


def test_a_connection_may_not_measure_without_an_end() -> None:
    scene = Scene()
    connection = scene.arrive()
    scene.later(1)
    scene.ping(connection, 1)
    scene.later(1)
    scene.ping(connection, 2)
    assert scene.pairings.deadline() == 1 + PROBING.seconds
    assert scene.later(PROBING.seconds - 1.1) == ()
    assert codes(scene.later(0.1)) == [(connection, RefusalCode.TIMEOUT)]
    assert scene.later(60) == ()


def test_a_connection_that_measured_gets_no_path() -> None:
    scene = Scene()
    connection = scene.arrive()
    scene.ping(connection, 1)
    assert codes(scene.say(connection, ONE, CUSTOMER)) == [(connection, RefusalCode.BAD_HELLO)]
    assert scene.pairings.snapshot.waiting == 0


def test_a_connection_that_waits_or_left_is_not_answered() -> None:
    scene = Scene()
    waiting, _ = scene.hello(ONE, CUSTOMER)
    assert scene.ping(waiting, 1) == ()
    gone = scene.arrive()
    scene.ping(gone, 1)
    scene.pairings.remove_connection(gone)
    assert scene.ping(gone, 2) == ()


def test_only_so_many_connections_may_measure_and_others_still_meet() -> None:
    scene = Scene()
    for _ in range(PROBING.per_source):
        scene.ping(scene.arrive())
    surplus = scene.arrive()
    effects = scene.ping(surplus, 1)
    assert codes(effects) == [(ConnectionId(1), RefusalCode.TOO_MANY_PINGS)]
    assert effects[-1] == AnswerPings(surplus, (1,))
    scene.pair(ONE)


def test_a_connection_that_measures_breaks_the_protocol_once() -> None:
    scene = Scene()
    connection = scene.arrive()
    scene.ping(connection, 1)
    refusal = ConnectionRefusal(RefusalCode.BAD_HELLO, "garbage")
    assert scene.pairings.reject(connection, refusal) == (Refuse(connection, refusal),)
    assert scene.pairings.reject(connection, refusal) == ()
