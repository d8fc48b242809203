# pyright: reportUnknownMemberType=false
"""Each webhook's place in the stream of events, kept by JetStream on a quorum of servers.

One event of a webhook is in hand at a time, so its receiver gets them in order; one that is not
acknowledged is handed out again, here or by the next primary. So an event may come twice.
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
IN_HAND_SECONDS: Final = 60.0
"""How long an event may be in hand before it is handed out again; longer than any attempt."""


@dataclass(frozen=True, slots=True)
class Kept:
    """An event as the stream keeps it, and how often it was handed out."""

    subject: str
    payload: bytes
    headers: dict[str, str]
    stored_at: datetime
    attempt: int
    message: Msg | None = None


@dataclass(frozen=True, slots=True)
class Beginning:
    """A place in the stream: its name, what it sees, and where it begins if it is new."""

    name: str
    subjects: Sequence[str]
    since: datetime | None


class Hand(Protocol):
    """One webhook's events, one after the other."""

    async def next(self) -> Kept | None: ...
    async def done(self, event: Kept) -> None: ...
    async def again(self, event: Kept, seconds: float) -> None: ...


class JetStreamHand:
    """A durable consumer of this webhook's own."""

    def __init__(self, subscription: PullSubscription) -> None:
        self._subscription = subscription

    async def next(self) -> Kept | None:
        """The event in hand, or None when none came for a while."""
        try:
            (message,) = await require_readable(self._subscription.fetch(1, timeout=FETCH_SECONDS))
            place = delivery_of(message)
        except NatsTimeoutError:
            return None
        return Kept(
            message.subject,
            message.data,
            dict(message.headers or {}),
            place.timestamp,
            place.num_delivered or 1,
            message,
        )

    async def done(self, event: Kept) -> None:
        """Go on to the next one."""
        assert event.message is not None, "it came from the stream"
        await event.message.ack_sync(timeout=CALL_SECONDS)

    async def again(self, event: Kept, seconds: float) -> None:
        """Be handed this one again, not sooner than in *seconds*."""
        assert event.message is not None, "it came from the stream"
        await event.message.nak(delay=seconds)


class Places:
    """The places of all webhooks.

    Every method raises nats.errors.Error, OSError or Unavailable when JetStream cannot; try again.
    """

    def __init__(self, client: Client) -> None:
        self._client = client

    @asynccontextmanager
    async def at(self, beginning: Beginning) -> AsyncGenerator[Hand]:
        """Take up a place, or make it."""
        jetstream = self._jetstream()
        await self._made(jetstream, beginning)
        subscription = await jetstream.pull_subscribe_bind(consumer=beginning.name, stream=EVENTS)
        try:
            yield JetStreamHand(subscription)
        finally:
            if not self._client.is_closed:
                await subscription.unsubscribe()

    async def _made(self, jetstream: SafeJetStream, beginning: Beginning) -> None:
        config = ConsumerConfig(
            durable_name=beginning.name,
            filter_subjects=list(beginning.subjects),
            ack_policy=AckPolicy.EXPLICIT,
            ack_wait=IN_HAND_SECONDS,
            max_ack_pending=1,
            deliver_policy=DeliverPolicy.NEW,
        )
        try:
            old = await jetstream.consumer_info(EVENTS, beginning.name)
        except NotFoundError:
            if beginning.since is not None:
                config.deliver_policy = DeliverPolicy.BY_START_TIME
                config.opt_start_time = beginning.since
        else:
            # Where it begins is kept as it was; what it sees may have changed.
            config.deliver_policy = old.config.deliver_policy
            config.opt_start_time = old.config.opt_start_time
        await jetstream.add_consumer(EVENTS, config)

    async def waiting(self, name: str) -> int:
        """How many events of a place are not delivered yet."""
        info = await self._jetstream().consumer_info(EVENTS, name)
        return (info.num_pending or 0) + (info.num_ack_pending or 0)

    async def names(self) -> list[str]:
        """The names of all places in the stream, other tools' too."""
        return [each.name for each in await self._jetstream().consumers_info(EVENTS)]

    async def drop(self, name: str) -> None:
        """Forget a place."""
        await self._jetstream().delete_consumer(EVENTS, name)

    def _jetstream(self) -> SafeJetStream:
        if not self._client.is_connected:
            raise Unavailable("there is no connection to NATS")
        return jetstream_of(self._client, CALL_SECONDS)
