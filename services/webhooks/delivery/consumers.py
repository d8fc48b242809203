# pyright: reportUnknownMemberType=false
"""Manages the webhooks' durable consumers: JetStream keeps on a quorum how far each delivery is.

A consumer has one event unacknowledged at a time, so the receiver gets events in order. An event
that is not acknowledged is delivered again, here or by the next primary: it may come twice.
"""

from collections.abc import AsyncGenerator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import datetime
from typing import Final, Protocol

from nats.aio.client import Client
from nats.aio.msg import Msg
from nats.errors import TimeoutError as NatsTimeoutError
from nats.js.api import AckPolicy, ConsumerConfig, DeliverPolicy
from nats.js.errors import NotFoundError

from shared.domain.errors import Unavailable
from shared.messaging.client import PullSubscription, SafeJetStream, delivery_of, require_readable
from shared.messaging.connection import jetstream_of
from shared.messaging.streams import EVENTS

CALL_SECONDS: Final = 5.0
FETCH_SECONDS: Final = 5.0
ACK_WAIT_SECONDS: Final = 60.0
"""JetStream delivers an event again that was not acknowledged so long; longer than any attempt."""


@dataclass(frozen=True, slots=True)
class StoredEvent:
    """An event as the stream stores it; *attempt* counts its deliveries from 1."""

    subject: str
    payload: bytes
    headers: dict[str, str]
    stored_at: datetime
    attempt: int
    message: Msg | None = None


@dataclass(frozen=True, slots=True)
class ConsumerSpec:
    """The properties of a consumer: its name, its subjects, and where it begins when it is new."""

    name: str
    subjects: Sequence[str]
    since: datetime | None


class EventQueue(Protocol):
    """The events of one webhook, one after the other."""

    async def next(self) -> StoredEvent | None: ...
    async def done(self, event: StoredEvent) -> None: ...
    async def retry(self, event: StoredEvent, seconds: float) -> None: ...


class JetStreamQueue:
    """An event queue over one durable consumer."""

    def __init__(self, subscription: PullSubscription) -> None:
        self._subscription = subscription

    async def next(self) -> StoredEvent | None:
        """Fetch the next event; None when none came within FETCH_SECONDS."""
        try:
            (message,) = await require_readable(self._subscription.fetch(1, timeout=FETCH_SECONDS))
            delivery = delivery_of(message)
        except NatsTimeoutError:
            return None
        return StoredEvent(
            message.subject,
            message.data,
            dict(message.headers or {}),
            delivery.timestamp,
            delivery.num_delivered or 1,
            message,
        )

    async def done(self, event: StoredEvent) -> None:
        """Acknowledge *event*, so that the next one comes."""
        assert event.message is not None, "it came from the stream"
        await event.message.ack_sync(timeout=CALL_SECONDS)

    async def retry(self, event: StoredEvent, seconds: float) -> None:
        """Have *event* delivered again, not sooner than in *seconds*."""
        assert event.message is not None, "it came from the stream"
        await event.message.nak(delay=seconds)


class Consumers:
    """The consumers of all webhooks.

    Every method raises nats.errors.Error, OSError or Unavailable while JetStream does not answer.
    """

    def __init__(self, client: Client) -> None:
        self._client = client

    @asynccontextmanager
    async def open(self, spec: ConsumerSpec) -> AsyncGenerator[EventQueue]:
        """Bind to the consumer of *spec*; it is made when there is none."""
        jetstream = self._jetstream()
        await self._ensure(jetstream, spec)
        subscription = await jetstream.pull_subscribe_bind(consumer=spec.name, stream=EVENTS)
        try:
            yield JetStreamQueue(subscription)
        finally:
            if not self._client.is_closed:
                await subscription.unsubscribe()

    async def _ensure(self, jetstream: SafeJetStream, spec: ConsumerSpec) -> None:
        config = ConsumerConfig(
            durable_name=spec.name,
            filter_subjects=list(spec.subjects),
            ack_policy=AckPolicy.EXPLICIT,
            ack_wait=ACK_WAIT_SECONDS,
            max_ack_pending=1,
            deliver_policy=DeliverPolicy.NEW,
        )
        try:
            old = await jetstream.consumer_info(EVENTS, spec.name)
        except NotFoundError:
            if spec.since is not None:
                config.deliver_policy = DeliverPolicy.BY_START_TIME
                config.opt_start_time = spec.since
        else:
            # A consumer cannot begin elsewhere; its subjects may change.
            config.deliver_policy = old.config.deliver_policy
            config.opt_start_time = old.config.opt_start_time
        await jetstream.add_consumer(EVENTS, config)

    async def waiting(self, name: str) -> int:
        """Count the events that the consumer *name* has not delivered yet."""
        info = await self._jetstream().consumer_info(EVENTS, name)
        return (info.num_pending or 0) + (info.num_ack_pending or 0)

    async def names(self) -> list[str]:
        """Name every consumer of the stream, those of other tools too."""
        return [each.name for each in await self._jetstream().consumers_info(EVENTS)]

    async def delete(self, name: str) -> None:
        """Delete the consumer *name*."""
        await self._jetstream().delete_consumer(EVENTS, name)

    def _jetstream(self) -> SafeJetStream:
        if not self._client.is_connected:
            raise Unavailable("there is no connection to NATS")
        return jetstream_of(self._client, CALL_SECONDS)
