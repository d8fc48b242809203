"""The stream of events and its durable consumers in memory, as webhook dispatchers see them.

A consumer stays where it is while nobody is bound to it, and outlives the master that made it. It
has one event pending at a time, and delivers it again when the acknowledgement is overdue or when
the delay of a retry is over. Time is the loop's, so a test in virtual time waits for nothing.
"""

import asyncio
from collections.abc import AsyncGenerator, Iterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from typing import Final

from nats.aio.client import Client
from nats.js.errors import NotFoundError

from services.webhooks.delivery import consumers
from services.webhooks.delivery.consumers import Consumers, ConsumerSpec, EventQueue, StoredEvent
from shared.domain.errors import Unavailable
from shared.runtime.waiting import wait_at_most

MOMENT: Final = 1e-6
"""A timer may fire this much too early."""


@dataclass(eq=False)
class MemoryConsumer:
    """How far one webhook is: the first *passed* events of the stream were delivered or left out.

    *pending* was delivered and is not acknowledged; it is delivered again at *due*.
    """

    subjects: Sequence[str]
    passed: int
    pending: StoredEvent | None = None
    due: float = 0.0


@dataclass(eq=False)
class EventStream:
    """The events and the consumers, which every master sees; also what was done with each event.

    An event that is put with a later *attempt* than 1 was delivered before: its count goes on.
    """

    events: list[StoredEvent] = field(default_factory=list[StoredEvent])
    consumers: dict[str, MemoryConsumer] = field(default_factory=dict[str, MemoryConsumer])
    acknowledged: list[StoredEvent] = field(default_factory=list[StoredEvent])
    retries: list[tuple[StoredEvent, float]] = field(
        default_factory=list[tuple[StoredEvent, float]]
    )
    changed: asyncio.Event = field(default_factory=asyncio.Event)

    def put(self, *events: StoredEvent) -> None:
        """Add *events* behind the last."""
        self.events += events
        self.changed.set()

    def bind(self, spec: ConsumerSpec) -> MemoryConsumer:
        """The consumer of *spec*; a new one begins with the next event, or at *since*."""
        found = self.consumers.get(spec.name)
        if found is None:
            passed = len(self.events)
            if spec.since is not None:
                passed = sum(each.stored_at < spec.since for each in self.events)
            found = self.consumers[spec.name] = MemoryConsumer(spec.subjects, passed)
        found.subjects = spec.subjects
        self.changed.set()
        return found

    def deliver(self, consumer: MemoryConsumer, now: float) -> StoredEvent | None:
        """The event that *consumer* delivers *now*; None when it has none, or waits for one."""
        if consumer.pending is None:
            place = next(self._ahead(consumer), None)
            if place is None:
                return None
            consumer.passed, consumer.pending = place + 1, self.events[place]
        elif now < consumer.due - MOMENT:
            return None
        else:
            attempt = consumer.pending.attempt + 1
            consumer.pending = replace(consumer.pending, attempt=attempt)
        consumer.due = now + consumers.ACK_WAIT_SECONDS
        return consumer.pending

    def waiting(self, consumer: MemoryConsumer) -> int:
        """Count what *consumer* has yet to deliver, and what it has pending."""
        return len(list(self._ahead(consumer))) + (consumer.pending is not None)

    def _ahead(self, consumer: MemoryConsumer) -> Iterator[int]:
        for place in range(consumer.passed, len(self.events)):
            if any(matches(each, self.events[place].subject) for each in consumer.subjects):
                yield place


@dataclass(frozen=True, slots=True)
class MemoryQueue:
    """An event queue over one consumer."""

    stream: EventStream
    consumer: MemoryConsumer

    async def next(self) -> StoredEvent | None:
        loop = asyncio.get_running_loop()
        end = loop.time() + consumers.FETCH_SECONDS
        while True:
            self.stream.changed.clear()
            now = loop.time()
            event = self.stream.deliver(self.consumer, now)
            if event is not None or now >= end - MOMENT:
                return event
            wake = end if self.consumer.pending is None else min(end, self.consumer.due)
            await wait_at_most(self.stream.changed, wake - now)

    async def done(self, event: StoredEvent) -> None:
        self.stream.acknowledged.append(event)
        if self._is_pending(event):
            self.consumer.pending = None
            self.stream.changed.set()

    async def retry(self, event: StoredEvent, seconds: float) -> None:
        self.stream.retries.append((event, seconds))
        if self._is_pending(event):
            self.consumer.due = asyncio.get_running_loop().time() + seconds
            self.stream.changed.set()

    def _is_pending(self, event: StoredEvent) -> bool:
        """Whether *event* is what is pending, though an earlier delivery of it."""
        pending = self.consumer.pending
        return pending is not None and replace(pending, attempt=event.attempt) == event


class MemoryConsumers(Consumers):
    """One master's way to the stream; nothing answers while it is not *reachable*."""

    def __init__(self, stream: EventStream | None = None) -> None:
        super().__init__(Client())
        self.stream = stream or EventStream()
        self.is_reachable = True

    @asynccontextmanager
    async def open(self, spec: ConsumerSpec) -> AsyncGenerator[EventQueue]:
        self._require_connection()
        yield MemoryQueue(self.stream, self.stream.bind(spec))

    async def waiting(self, name: str) -> int:
        return self.stream.waiting(self._find(name))

    async def names(self) -> list[str]:
        self._require_connection()
        return list(self.stream.consumers)

    async def delete(self, name: str) -> None:
        self._find(name)
        del self.stream.consumers[name]

    def _find(self, name: str) -> MemoryConsumer:
        self._require_connection()
        if name not in self.stream.consumers:
            raise NotFoundError(code=404, description="consumer not found")
        return self.stream.consumers[name]

    def _require_connection(self) -> None:
        if not self.is_reachable:
            raise Unavailable("there is no connection to NATS")


def matches(pattern: str, subject: str) -> bool:
    """Whether *subject* is one of *pattern*, in which `*` is any token and `>` is the rest."""
    wanted, tokens = pattern.split("."), subject.split(".")
    if wanted[-1] == ">":
        wanted = wanted[:-1]
        if len(tokens) <= len(wanted):
            return False
        tokens = tokens[: len(wanted)]
    return len(wanted) == len(tokens) and all(
        one in {"*", other} for one, other in zip(wanted, tokens, strict=True)
    )
