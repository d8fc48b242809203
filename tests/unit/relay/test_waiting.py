from services.relay.core.admission import ConnectionId
from services.relay.core.effects import PathKey
from services.relay.core.waiting import (
    WAITING_PER_CAPACITY,
    WAITING_PER_SESSION,
    WAITING_SECONDS,
    WaitingConnection,
    WaitingTable,
)
from shared.domain.ids import Instant, PathGeneration, SessionId
from shared.domain.node import Side
from shared.domain.ticket import TicketLimits

NOW = Instant(0)
HERE, THERE = "192.0.2.1", "198.51.100.1"


def waiting(number: int, session: str = "", generation: int = 1) -> WaitingConnection:
    key = PathKey(SessionId(session or str(number)), PathGeneration(generation))
    return WaitingConnection(ConnectionId(number), key, Side.CUSTOMER, TicketLimits())


def test_connections_wait_until_their_time_is_over() -> None:
    table = WaitingTable()
    assert table.deadline() is None
    assert table.add(waiting(1), HERE, NOW, 10) == ()
    assert table.deadline() == WAITING_SECONDS
    assert table.expired(Instant(WAITING_SECONDS)) == [ConnectionId(1)]
    assert table.remove(ConnectionId(1))
    assert not table.remove(ConnectionId(1))
    assert (len(table), table.deadline()) == (0, None)


def test_whoever_is_taken_out_waits_no_more() -> None:
    table = WaitingTable()
    table.add(waiting(1), HERE, NOW, 10)
    assert table.pop(waiting(1).key) == waiting(1)
    assert table.pop(waiting(1).key) is None
    assert table.keys_of(SessionId("1")) == ()


def test_one_source_takes_no_waiting_slot_of_another() -> None:
    table, capacity = WaitingTable(), 3
    table.add(waiting(0), THERE, NOW, capacity)
    for number in range(1, 20):
        table.add(waiting(number), HERE, NOW, capacity)
    assert len(table) == capacity * WAITING_PER_CAPACITY
    assert waiting(0).key in table


def test_the_newest_generations_of_a_session_wait() -> None:
    table = WaitingTable()
    for generation in range(1, WAITING_PER_SESSION + 1):
        assert table.add(waiting(generation, "7", generation), HERE, NOW, 100) == ()
    newest = waiting(99, "7", 99)
    assert table.add(newest, THERE, NOW, 100) == (ConnectionId(1),)
    assert newest.key in table.keys_of(SessionId("7"))
    assert len(table) == WAITING_PER_SESSION


def test_a_smaller_capacity_holds_from_the_next_connection_on() -> None:
    table = WaitingTable()
    for number in range(6):
        table.add(waiting(number), HERE, NOW, 3)
    assert len(table.add(waiting(9), THERE, NOW, 1)) == 1
    assert len(table) == 6
