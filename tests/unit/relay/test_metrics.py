from prometheus_client import CollectorRegistry, generate_latest

from services.relay.core.admission import Admission, ConnectionId, RelayState
from services.relay.core.pairing import PairingTable
from services.relay.reporting.metrics import RelayCollector, RelayCounters
from shared.domain.ids import Instant, NodeId, PathGeneration, SessionId, UnixMillis
from shared.domain.node import Side
from shared.domain.ticket import Ticket
from shared.wire.relay import RefusalCode


def page(pairings: PairingTable, counters: RelayCounters) -> list[str]:
    registry = CollectorRegistry()
    registry.register(RelayCollector(pairings, counters, lambda: 77, lambda: 3))
    return generate_latest(registry).decode().splitlines()


def test_a_relay_that_did_nothing_shows_zeros_for_every_code() -> None:
    lines = page(PairingTable(Admission(1, RelayState())), RelayCounters())
    assert "meridian_relay_pairs 0.0" in lines
    for code in RefusalCode:
        assert f'meridian_relay_refused_total{{code="{code}"}} 0.0' in lines


def test_what_happened_is_shown() -> None:
    pairings, counters = PairingTable(Admission(9, RelayState())), RelayCounters(paired=4)
    counters.refused[RefusalCode.FULL] += 2
    for number, side in enumerate((*Side, Side.CUSTOMER)):
        generation = PathGeneration(1 + number // 2)
        ticket = Ticket(SessionId("1"), side, NodeId("n"), generation, UnixMillis(1))
        pairings.arrivals.add(ConnectionId(number), "192.0.2.1", Instant(0))
        pairings.receive_hello(ConnectionId(number), ticket, Instant(0))
    pairings.arrivals.add(ConnectionId(9), "192.0.2.1", Instant(0))
    lines = page(pairings, counters)
    for line in (
        "meridian_relay_pairs 1.0",
        "meridian_relay_sessions 1.0",
        "meridian_relay_waiting 1.0",
        "meridian_relay_silent 1.0",
        "meridian_relay_connections 3.0",
        "meridian_relay_bytes_total 77.0",
        "meridian_relay_paired_total 4.0",
        'meridian_relay_refused_total{code="full"} 2.0',
    ):
        assert line in lines
