# pyright: reportUnknownMemberType=false
"""Reads the stream `EVENTS` in order, and comes back when the server goes.

A consumer on the server says what is next. A durable one is kept there under a name and goes on
after the last event that was acknowledged, whoever asks; any other is made anew after the last
event that was read. An event is acknowledged when the caller asks for the next one.
"""

import asyncio
import ssl
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
AGAIN_SECONDS: Final = 0.5
NOBODY_SECONDS: Final = 0.1
IDLE_SECONDS: Final = 60.0
"""How long the server keeps a consumer without a name that nobody asks any more."""
BATCH: Final = 100


@dataclass(frozen=True, slots=True)
class Access:
    """Where the servers are, the read-only credential, and whom to trust for `tls://`."""

    servers: tuple[str, ...]
    user: str
    password: str
    ca_file: str = ""


@dataclass(frozen=True, slots=True)
class Raw:
    """An event as it came; nothing in it is proved yet."""

    sequence: int
    stored_at: datetime
    subject: str
    payload: bytes
    testimony: str


@dataclass
class Reader:
    """One pass over the events that match *pattern*; *warn* is told what a person should know."""

    access: Access
    pattern: str
    warn: Callable[[str], None]
    since: datetime | None = None
    durable: str | None = None
    last: int | None = None
    _has_begun: bool = False
    _refusals: list[str] = field(default_factory=list[str])

    async def events(self) -> AsyncGenerator[Raw]:
        """The events, for ever.

        Raises:
            BadSettings: the credential is wrong or may not read events, or the durable consumer
                was made for another filter.
            Unavailable: at the start no server could be reached, or the site has no events;
                later it is tried again.
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
            await asyncio.sleep(AGAIN_SECONDS)

    @asynccontextmanager
    async def _connected(self) -> AsyncGenerator[SafeClient]:
        problems: list[str] = []
        for server in self.access.servers:
            try:
                client = await self._connect(server)
            except (NatsError, OSError, TimeoutError) as error:
                problems.append(f"{server}: {self._sentence(error)}")
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
        tls = ssl.create_default_context(cafile=access.ca_file or None)
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

    def _sentence(self, error: Exception) -> str:
        """What went wrong with a server, in words.

        Raises:
            BadSettings: it refuses the credential; no other server will take it.
        """
        said = describe_error(error)
        if isinstance(error, NoServersError) and self._refusals:
            said = self._refusals[-1]
        if "authorization" in said.lower() or any("authorization" in e for e in self._refusals):
            raise BadSettings(
                f"the server refuses user {self.access.user!r} with this password: give the "
                "site's read-only credential with --user and --password-file"
            ) from error
        return said.removeprefix("nats: ")

    def _require_rights(self) -> None:
        """Raise what waiting will not mend: the user may not read events."""
        if any("permissions violation" in each for each in self._refusals):
            raise BadSettings(f"user {self.access.user!r} may not read the site's events")

    async def _read(self, client: SafeClient) -> AsyncGenerator[Raw]:
        jetstream = client.jetstream(timeout=CALL_SECONDS)
        consumer = await self._consumer(jetstream)
        subscription = await jetstream.pull_subscribe_bind(consumer=consumer, stream=STREAM)
        if self._has_begun:
            self.warn("connected again")
        self._has_begun = True
        while not client.is_closed:
            left = deque(await self._fetch(subscription))
            try:
                while left:
                    raw = _raw(left[0])
                    self.last = raw.sequence
                    yield raw
                    if self.durable:
                        await left[0].ack()
                    left.popleft()
            finally:
                if self.durable and left:
                    await self._give_back(client, left)
        raise NatsError

    async def _fetch(self, subscription: PullSubscription) -> list[Msg]:
        """What comes within a moment.

        A consumer that was just made, or has no leader, is not known to every server: an answer
        that nobody responds is waited out for a while.
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
                patience -= NOBODY_SECONDS
                await asyncio.sleep(NOBODY_SECONDS)

    async def _give_back(self, client: SafeClient, messages: Iterable[Msg]) -> None:
        """What nobody dealt with is for whoever goes on; else the server would wait for us."""
        with suppress(NatsError, TimeoutError):
            for message in messages:
                await message.nak()
            await client.flush(timeout=CONNECT_SECONDS)

    async def _consumer(self, jetstream: SafeJetStream) -> str:
        """Make the consumer, or find the durable one; its name.

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
            if self.durable and await self._is_there(jetstream, self.durable):
                return self.durable
            made = await jetstream.add_consumer(STREAM, await self._from(jetstream, config))
        except NotFoundError as error:
            raise Unavailable("the site keeps no events: there is no stream EVENTS") from error
        except BadRequestError as error:
            raise BadSettings(f"the server makes no such consumer: {error.description}") from error
        return made.name

    async def _is_there(self, jetstream: SafeJetStream, name: str) -> bool:
        try:
            found = await jetstream.consumer_info(STREAM, name)
        except NotFoundError:
            return False
        if found.config.filter_subject != self.pattern:
            raise BadSettings(
                f"the durable consumer {name!r} was made for {found.config.filter_subject}: "
                "use that filter or another name"
            )
        if self.since is not None and self.last is None:
            self.warn(f"{name!r} goes on where it stopped; --since is for a new one")
        return True

    async def _from(self, jetstream: SafeJetStream, config: ConsumerConfig) -> ConsumerConfig:
        """Where to begin: after what was read, since when it was asked, or with what comes now."""
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


def _raw(message: Msg) -> Raw:
    about, headers = delivery_of(message), message.headers or {}
    return Raw(
        sequence=about.sequence.stream,
        stored_at=about.timestamp,
        subject=message.subject,
        payload=message.data,
        testimony=headers.get(NODE_SIGNATURE_HEADER, ""),
    )
