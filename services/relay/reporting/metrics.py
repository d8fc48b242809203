"""Exports the relay's metrics to Prometheus; values are read at the moment of a scrape."""

from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily
from prometheus_client.registry import Collector

from services.relay.core.pairing import PairingTable
from shared.wire.relay import RefusalCode


@dataclass
class RelayCounters:
    """Numbers of events since the start."""

    refused: Counter[RefusalCode] = field(default_factory=Counter[RefusalCode])
    paired: int = 0
    pings: int = 0


class RelayCollector(Collector):
    """Collects the relay's metrics."""

    def __init__(
        self,
        pairings: PairingTable,
        counters: RelayCounters,
        bytes_carried: Callable[[], int],
        connections: Callable[[], int],
    ) -> None:
        self._pairings = pairings
        self._counters = counters
        self._bytes_carried = bytes_carried
        self._connections = connections

    def collect(self) -> Iterator[GaugeMetricFamily | CounterMetricFamily]:
        snapshot, counters = self._pairings.snapshot, self._counters
        yield _gauge("pairs", "Running pairs.", snapshot.pairs)
        yield _gauge("sessions", "Sessions with a running pair.", snapshot.sessions)
        yield _gauge("waiting", "Connections that wait for the other side.", snapshot.waiting)
        yield _gauge("silent", "Connections that have sent no HELLO yet.", snapshot.silent)
        yield _gauge("connections", "Open connections of every kind.", self._connections())
        yield _count("bytes", "Bytes carried, both directions.", self._bytes_carried())
        yield _count("paired", "Pairs that came together.", counters.paired)
        yield _count("pings", "Pings answered.", counters.pings)
        refused = CounterMetricFamily(
            "meridian_relay_refused", "Connections refused, by code.", labels=["code"]
        )
        for code in RefusalCode:
            refused.add_metric([code.value], counters.refused[code])
        yield refused


def _gauge(name: str, text: str, value: int) -> GaugeMetricFamily:
    return GaugeMetricFamily(f"meridian_relay_{name}", text, value=value)


def _count(name: str, text: str, value: int) -> CounterMetricFamily:
    return CounterMetricFamily(f"meridian_relay_{name}", text, value=value)
