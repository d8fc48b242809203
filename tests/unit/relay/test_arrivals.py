from services.relay.core.admission import ConnectionId
from services.relay.core.arrivals import SILENT, Arrivals
from services.relay.core.effects import AnswerPings, Effects, Refuse
from services.relay.core.probing import PROBING
from shared.domain.ids import Instant
from shared.wire.relay import HELLO_SECONDS, RefusalCode

NOW = Instant(0)
NETWORK, STRANGER = "192.0.2.1", "198.51.100.1"


def refused(effects: Effects) -> list[tuple[ConnectionId, RefusalCode]]:
    return [(each.connection, each.refusal.code) for each in effects if isinstance(each, Refuse)]


def crowd(arrivals: Arrivals, source: str, count: int, first: int = 1) -> list[ConnectionId]:
    """Let *count* connections of *source* come; return those that went for them."""
    effects = [arrivals.add(ConnectionId(first + number), source, NOW) for number in range(count)]
    return [connection for each in effects for connection, _ in refused(each)]


def test_silent_connections_of_one_source_displace_their_own_and_are_refused_as_full() -> None:
    arrivals = Arrivals()
    assert crowd(arrivals, NETWORK, SILENT.per_source) == []
    newcomer = ConnectionId(SILENT.per_source + 1)
    assert refused(arrivals.add(newcomer, NETWORK, NOW)) == [(ConnectionId(1), RefusalCode.FULL)]
    assert arrivals.silent == SILENT.per_source
    assert arrivals.receive_hello(newcomer) == NETWORK


def test_one_source_takes_no_slot_of_another() -> None:
    arrivals = Arrivals()
    arrivals.add(ConnectionId(0), STRANGER, NOW)
    crowd(arrivals, NETWORK, 3 * SILENT.total)
    assert arrivals.receive_hello(ConnectionId(0)) == STRANGER


def test_many_sources_together_have_room_for_one_more() -> None:
    arrivals, number = Arrivals(), 0
    for source in range(8):
        number += 1_000
        crowd(arrivals, f"203.0.113.{source}", 1_000, first=number)
    assert arrivals.silent == SILENT.total
    assert refused(arrivals.add(ConnectionId(1), NETWORK, NOW)) != []
    assert arrivals.receive_hello(ConnectionId(1)) == NETWORK


def test_five_hundred_endpoints_behind_one_address_come_back_at_once() -> None:
    arrivals = Arrivals()
    assert crowd(arrivals, NETWORK, 500) == []
    assert {arrivals.receive_hello(ConnectionId(each)) for each in range(1, 501)} == {NETWORK}
    assert arrivals.silent == 0


def test_a_connection_behind_a_load_balancer_counts_for_its_client() -> None:
    arrivals = Arrivals()
    crowd(arrivals, STRANGER, SILENT.per_source, first=100)
    arrivals.add(ConnectionId(1), "10.0.0.1", Instant(1))
    assert refused(arrivals.identify(ConnectionId(1), STRANGER)) == [
        (ConnectionId(100), RefusalCode.FULL)
    ]
    assert refused(arrivals.tick(Instant(1 + HELLO_SECONDS - 0.1)))[-1] != (
        ConnectionId(1),
        RefusalCode.TIMEOUT,
    )
    assert refused(arrivals.tick(Instant(1 + HELLO_SECONDS))) == [
        (ConnectionId(1), RefusalCode.TIMEOUT)
    ]


def test_a_connection_that_has_left_is_not_counted_for_anybody() -> None:
    arrivals = Arrivals()
    arrivals.add(ConnectionId(1), NETWORK, NOW)
    assert arrivals.forget(ConnectionId(1))
    assert not arrivals.forget(ConnectionId(1))
    assert arrivals.identify(ConnectionId(1), STRANGER) == ()
    assert arrivals.receive_hello(ConnectionId(1)) is None
    assert arrivals.deadline() is None


def test_one_source_that_measures_takes_no_measurement_of_another() -> None:
    arrivals = Arrivals()
    arrivals.add(ConnectionId(0), STRANGER, NOW)
    arrivals.receive_pings(ConnectionId(0), (1,), NOW)
    losers: list[tuple[ConnectionId, RefusalCode]] = []
    for number in range(1, PROBING.per_source + 2):
        arrivals.add(ConnectionId(number), NETWORK, NOW)
        losers += refused(arrivals.receive_pings(ConnectionId(number), (), NOW))
    assert losers == [(ConnectionId(1), RefusalCode.TOO_MANY_PINGS)]
    assert arrivals.receive_pings(ConnectionId(0), (2,), NOW) == (
        AnswerPings(ConnectionId(0), (2,)),
    )


def test_without_descriptors_the_oldest_of_the_largest_source_go_first() -> None:
    arrivals = Arrivals()
    arrivals.add(ConnectionId(0), STRANGER, NOW)
    crowd(arrivals, NETWORK, 9)
    assert [each for each, _ in refused(arrivals.shed(3))] == [1, 2, 3]
    assert len(arrivals.shed(99)) == 7
    assert arrivals.shed(1) == ()
