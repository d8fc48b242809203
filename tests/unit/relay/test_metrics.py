from prometheus_client import CollectorRegistry, generate_latest

from services.relay.core.admission import Admission, GuestId, Remembered
from services.relay.core.reception import Reception
from services.relay.metrics import RelayCollector, Tally
from shared.domain.ids import Instant, NodeId, PathGeneration, SessionId, UnixMillis
from shared.domain.node import Side
from shared.domain.ticket import Ticket
from shared.wire.relay import RefusalCode


def page(reception: Reception, tally: Tally) -> list[str]:
    registry = CollectorRegistry()
    registry.register(RelayCollector(reception, tally, lambda: 77, lambda: 3))
    return generate_latest(registry).decode().splitlines()


def test_a_relay_that_did_nothing_shows_zeros_for_every_code() -> None:
    lines = page(Reception(Admission(1, Remembered())), Tally())
    assert "meridian_relay_pairs 0.0" in lines
    for code in RefusalCode:
        assert f'meridian_relay_refused_total{{code="{code}"}} 0.0' in lines


def test_what_happened_is_shown() -> None:
    reception, tally = Reception(Admission(9, Remembered())), Tally(paired=4)
    tally.refused[RefusalCode.FULL] += 2
    for number, side in enumerate((*Side, Side.CUSTOMER)):
        generation = PathGeneration(1 + number // 2)
        ticket = Ticket(SessionId("1"), side, NodeId("n"), generation, UnixMillis(1))
        reception.arrived(GuestId(number), Instant(0))
        reception.said_hello(GuestId(number), ticket, Instant(0))
    lines = page(reception, tally)
    for line in (
        "meridian_relay_pairs 1.0",
        "meridian_relay_sessions 1.0",
        "meridian_relay_waiting 1.0",
        "meridian_relay_connections 3.0",
        "meridian_relay_bytes_total 77.0",
        "meridian_relay_paired_total 4.0",
        'meridian_relay_refused_total{code="full"} 2.0',
    ):
        assert line in lines
