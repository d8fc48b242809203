"""What Prometheus reads of a relay; counted where it happens, collected only when asked."""

from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily
from prometheus_client.registry import Collector

from services.relay.core.reception import Reception
from shared.wire.relay import RefusalCode


@dataclass
class Tally:
    """Events that leave nothing behind but their number."""

    refused: Counter[RefusalCode] = field(default_factory=Counter[RefusalCode])
    paired: int = 0
    pings: int = 0


class RelayCollector(Collector):
    """Reads the relay's own numbers at the moment of the scrape."""

    def __init__(
        self,
        reception: Reception,
        tally: Tally,
        bytes_carried: Callable[[], int],
        connections: Callable[[], int],
    ) -> None:
        self._reception = reception
        self._tally = tally
        self._bytes_carried = bytes_carried
        self._connections = connections

    def collect(self) -> Iterator[GaugeMetricFamily | CounterMetricFamily]:
        reading, tally = self._reception.reading, self._tally
        yield _gauge("pairs", "Running pairs.", reading.pairs)
        yield _gauge("sessions", "Sessions with a running pair.", reading.sessions)
        yield _gauge("waiting", "Connections that wait for the other side.", reading.waiting)
        yield _gauge("connections", "Open connections of every kind.", self._connections())
        yield _count("bytes", "Bytes carried, both directions.", self._bytes_carried())
        yield _count("paired", "Pairs that came together.", tally.paired)
        yield _count("pings", "Pings answered.", tally.pings)
        refused = CounterMetricFamily(
            "meridian_relay_refused", "Connections refused, by code.", labels=["code"]
        )
        for code in RefusalCode:
            refused.add_metric([code.value], tally.refused[code])
        yield refused


def _gauge(name: str, text: str, value: int) -> GaugeMetricFamily:
    return GaugeMetricFamily(f"meridian_relay_{name}", text, value=value)


def _count(name: str, text: str, value: int) -> CounterMetricFamily:
    return CounterMetricFamily(f"meridian_relay_{name}", text, value=value)
