"""The ports of the bus: ask, publish now, and emit what must arrive.

`Publisher` and `EventPublisher` are these over NATS.
"""

from typing import Protocol

from shared.events.message import Event, Reply, Request


class Asks(Protocol):
    """Sends a request and waits for its reply; see `Publisher.ask`."""

    async def ask(
        self,
        request: Request[Reply],
        *,
        timeout_seconds: float,
        attempt_seconds: float | None = None,
    ) -> Reply: ...


class Publishes(Protocol):
    """Publishes an event at once; while there is no connection it is lost."""

    async def publish(self, event: Event) -> None: ...


class Emits(Protocol):
    """Publishes an event as soon as a stream can store it; it is not lost before that."""

    def emit(self, event: Event) -> None: ...
