# pyright: reportUnknownMemberType=false
"""Reads the stream `EVENTS` in order, and reconnects when the server goes.

A consumer on the server keeps the position. A durable consumer is kept there under a name and goes
on after the last acknowledged event, whoever reads; any other is made again after the last event
that was read. An event is acknowledged when the caller asks for the next one.
"""

import asyncio
from collections import deque
from collections.abc import AsyncGenerator, Callable, Iterable
from contextlib import aclosing, asynccontextmanager, suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Final

from nats.aio.msg import Msg
from nats.errors import Error as NatsError
from nats.errors import NoServersError
from nats.errors import TimeoutError as NatsTimeoutError
from nats.js.api import AckPolicy, ConsumerConfig, DeliverPolicy
from nats.js.errors import BadRequestError, NotFoundError, ServiceUnavailableError

from shared.api.trust import trusted_context
from shared.crypto.node_signature import NODE_SIGNATURE_HEADER
from shared.domain.containment import describe_error
from shared.domain.errors import BadSettings, Unavailable
from shared.messaging.client import (
    PullSubscription,
    SafeClient,
    SafeJetStream,
    delivery_of,
    require_readable,
)

STREAM: Final = "EVENTS"
CONNECT_SECONDS: Final = 3
CALL_SECONDS: Final = 3.0
FETCH_SECONDS: Final = 1.0
RECONNECT_SECONDS: Final = 0.5
NO_RESPONDER_SECONDS: Final = 0.1
IDLE_SECONDS: Final = 60.0
"""How long the server keeps an unused consumer without a name."""
BATCH: Final = 100


@dataclass(frozen=True, slots=True)
class Access:
    """The servers' addresses, the read-only credential, and whom to trust for `tls://`."""

    servers: tuple[str, ...]
    user: str
    password: str
    ca_file: str = ""


@dataclass(frozen=True, slots=True)
class RawEvent:
    """An event as it was received; its signature is not checked yet."""

    sequence: int
    stored_at: datetime
    subject: str
    payload: bytes
    testimony: str


@dataclass
class Reader:
    """One pass over the events that match *pattern*; *warn* gets sentences for a person."""

    access: Access
    pattern: str
    warn: Callable[[str], None]
    since: datetime | None = None
    durable: str | None = None
    last: int | None = None
    _has_begun: bool = False
    _refusals: list[str] = field(default_factory=list[str])

    async def events(self) -> AsyncGenerator[RawEvent]:
        """Yield the events, until cancelled.

        Raises:
            BadSettings: the credential is wrong or may not read events, or the durable consumer
                was made for another filter.
            Unavailable: at the start no server could be reached, or the site has no events;
                later it reconnects.
        """
        while True:
            try:
                async with self._connected() as client, aclosing(self._read(client)) as reading:
                    async for raw in reading:
                        yield raw
            except Unavailable as error:
                if not self._has_begun:
                    raise
                self.warn(f"{error.message}; trying again")
            except (NatsError, OSError, TimeoutError) as error:
                self._require_rights()
                self.warn(f"lost the events ({describe_error(error)}); trying again")
            await asyncio.sleep(RECONNECT_SECONDS)

    @asynccontextmanager
    async def _connected(self) -> AsyncGenerator[SafeClient]:
        problems: list[str] = []
        for server in self.access.servers:
            try:
                client = await self._connect(server)
            except (NatsError, OSError, TimeoutError) as error:
                problems.append(f"{server}: {self._describe(error)}")
                continue
            try:
                yield client
            finally:
                await client.close()
            return
        raise Unavailable(f"no server can be reached ({'; '.join(problems)})")

    async def _connect(self, server: str) -> SafeClient:
        self._refusals.clear()
        access = self.access
        tls = trusted_context(access.ca_file)
        client = SafeClient()
        try:
            await client.connect(
                server,
                user=access.user,
                password=access.password,
                name="meridian events",
                inbox_prefix=f"_INBOX.{access.user}".encode(),
                tls=tls if server.startswith("tls://") else None,
                allow_reconnect=False,
                max_reconnect_attempts=1,
                reconnect_time_wait=1,
                connect_timeout=CONNECT_SECONDS,
                ping_interval=2,
                max_outstanding_pings=2,
                error_cb=self._on_error,
            )
        except BaseException:
            with suppress(Exception):
                await client.close()  # a connection that was refused would keep its socket
            raise
        return client

    async def _on_error(self, error: Exception) -> None:
        self._refusals.append(str(error).lower())

    def _describe(self, error: Exception) -> str:
        """Describe what went wrong with a server, in words.

        Raises:
            BadSettings: it refuses the credential; no other server will take it.
        """
        reason = describe_error(error)
        if isinstance(error, NoServersError) and self._refusals:
            reason = self._refusals[-1]
        if "authorization" in reason.lower() or any("authorization" in e for e in self._refusals):
            raise BadSettings(
                f"the server refuses user {self.access.user!r} with this password: give the "
                "site's read-only credential with --user and --password-file"
            ) from error
        return reason.removeprefix("nats: ")

    def _require_rights(self) -> None:
        """Raise an error that a retry cannot mend: the user may not read events."""
        if any("permissions violation" in each for each in self._refusals):
            raise BadSettings(f"user {self.access.user!r} may not read the site's events")

    async def _read(self, client: SafeClient) -> AsyncGenerator[RawEvent]:
        jetstream = client.jetstream(timeout=CALL_SECONDS)
        consumer = await self._consumer(jetstream)
        subscription = await jetstream.pull_subscribe_bind(consumer=consumer, stream=STREAM)
        if self._has_begun:
            self.warn("connected again")
        self._has_begun = True
        while not client.is_closed:
            unread = deque(await self._fetch(subscription))
            try:
                while unread:
                    raw = _raw(unread[0])
                    self.last = raw.sequence
                    yield raw
                    if self.durable:
                        await unread[0].ack()
                    unread.popleft()
            finally:
                if self.durable and unread:
                    await self._give_back(client, unread)
        raise NatsError

    async def _fetch(self, subscription: PullSubscription) -> list[Msg]:
        """The messages that arrive within `FETCH_SECONDS`.

        A consumer that was just made, or has no leader, is not known to every server, and then no
        server responds: that is retried for a while.
        """
        patience = CALL_SECONDS
        while True:
            try:
                return await require_readable(subscription.fetch(BATCH, timeout=FETCH_SECONDS))
            except NatsTimeoutError:
                return []
            except ServiceUnavailableError:
                if patience <= 0:
                    raise
                patience -= NO_RESPONDER_SECONDS
                await asyncio.sleep(NO_RESPONDER_SECONDS)

    async def _give_back(self, client: SafeClient, messages: Iterable[Msg]) -> None:
        """Return unread messages to the consumer; else the server would wait for their ack."""
        with suppress(NatsError, TimeoutError):
            for message in messages:
                await message.nak()
            await client.flush(timeout=CONNECT_SECONDS)

    async def _consumer(self, jetstream: SafeJetStream) -> str:
        """Make the consumer, or find the durable one; returns its name.

        Raises:
            BadSettings: there is a durable consumer of that name for another filter.
            Unavailable: the site has no events yet.
        """
        config = ConsumerConfig(
            durable_name=self.durable,
            filter_subject=self.pattern,
            ack_policy=AckPolicy.EXPLICIT if self.durable else AckPolicy.NONE,
            inactive_threshold=None if self.durable else IDLE_SECONDS,
        )
        try:
            if self.durable and await self._exists(jetstream, self.durable):
                return self.durable
            config = await self._with_start(jetstream, config)
            consumer = await jetstream.add_consumer(STREAM, config)
        except NotFoundError as error:
            raise Unavailable("the site keeps no events: there is no stream EVENTS") from error
        except BadRequestError as error:
            raise BadSettings(f"the server makes no such consumer: {error.description}") from error
        return consumer.name

    async def _exists(self, jetstream: SafeJetStream, name: str) -> bool:
        try:
            info = await jetstream.consumer_info(STREAM, name)
        except NotFoundError:
            return False
        if info.config.filter_subject != self.pattern:
            raise BadSettings(
                f"the durable consumer {name!r} was made for {info.config.filter_subject}: "
                "use that filter or another name"
            )
        if self.since is not None and self.last is None:
            self.warn(f"{name!r} goes on where it stopped; --since is for a new one")
        return True

    async def _with_start(self, jetstream: SafeJetStream, config: ConsumerConfig) -> ConsumerConfig:
        """Set the first event in *config*: after the last one read, from `since`, or from now."""
        if self.last is None and self.since is not None:
            return config.evolve(
                deliver_policy=DeliverPolicy.BY_START_TIME,
                opt_start_time=self.since.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ"),
            )
        if self.last is None:
            self.last = (await jetstream.stream_info(STREAM)).state.last_seq
        return config.evolve(
            deliver_policy=DeliverPolicy.BY_START_SEQUENCE, opt_start_seq=self.last + 1
        )


def _raw(message: Msg) -> RawEvent:
    delivery, headers = delivery_of(message), message.headers or {}
    return RawEvent(
        sequence=delivery.sequence.stream,
        stored_at=delivery.timestamp,
        subject=message.subject,
        payload=message.data,
        testimony=headers.get(NODE_SIGNATURE_HEADER, ""),
    )
