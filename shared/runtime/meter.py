"""Counts messages that passed, by their declared name, and times their handlers."""

from typing import Final

from prometheus_client import CollectorRegistry, Counter, Histogram

BUCKETS: Final = (0.001, 0.005, 0.02, 0.1, 0.5, 2.0, 10.0)


class PrometheusMeter:
    """Counts into this process's registry."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self._received = Counter(
            "meridian_messages_received", "Messages that passed", ["message"], registry=registry
        )
        self._seconds = Histogram(
            "meridian_handler_seconds",
            "How long a handler took",
            ["message"],
            buckets=BUCKETS,
            registry=registry,
        )

    def received(self, message: str) -> None:
        self._received.labels(message).inc()

    def handled(self, message: str, seconds: float) -> None:
        self._seconds.labels(message).observe(seconds)
