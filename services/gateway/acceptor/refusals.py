"""Counts what the acceptor refuses, and warns of it."""

import logging
from typing import Final

from prometheus_client import CollectorRegistry, Counter, Gauge

from services.gateway.acceptor.core.limits import Refusal
from services.gateway.acceptor.core.refusal_reports import RefusalReports
from shared.runtime.clock import Clock

_LOG: Final = logging.getLogger("meridian.acceptor")


class Refusals:
    """The counter of refused connections by reason, and the gauge of open ones."""

    def __init__(self, registry: CollectorRegistry, clock: Clock) -> None:
        self._clock = clock
        self._reports = RefusalReports()
        self._counter = Counter(
            "meridian_gateway_refused",
            "Connections that the acceptor refused or ended, by reason",
            ["reason"],
            registry=registry,
        )
        self.open = Gauge("meridian_gateway_connections", "Open connections", registry=registry)

    def record(self, reason: Refusal, source: str) -> None:
        """Count one refusal of *source*."""
        self._counter.labels(reason.value).inc()
        report = self._reports.record(reason, source, self._clock.now())
        if report is not None:
            _LOG.warning(
                "ended %d connection(s): %s; the last of %s",
                *(report.count, report.reason.replace("_", " "), report.source),
            )
