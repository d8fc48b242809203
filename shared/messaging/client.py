"""A NATS client that survives every message: none ends its reading loop, or an API call's caller.

The library parses a message before our code sees it. Where that fails it stops reading the
connection, and a message that lies in a stream fails again after each reconnection. This client
handles each message on its own: one that the library cannot parse is reported and dropped, a stored
one is delivered without its headers, so that its reader skips it like any other unsigned one, and
an answer that cannot be read counts as no answer.

A message that lies in a stream may also begin with a status line, as the server's own do
(`NATS/1.0 100 Idle Heartbeat`). The library would take it for a message of the server and wait for
a missing sequence without end; so the line is removed from every message that comes from a stream.
"""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any, Final, TypeVar

from nats.aio.client import Client
from nats.aio.msg import Msg
from nats.errors import Error as NatsError
from nats.errors import NotJSMessageError
from nats.js import JetStreamContext
from nats.js.api import ConsumerInfo, PubAck, RawStreamMsg, StreamInfo
from nats.js.object_store import ObjectStore

from shared.decoding.errors import Undecodable
from shared.domain.containment import describe_error
from shared.domain.ids import Sequence
from shared.messaging.jetstream import ACKNOWLEDGEMENTS

T = TypeVar("T")

FROM_STREAM: Final = f"{ACKNOWLEDGEMENTS}.".encode()
"""How the reply subject of a message begins that a consumer delivers; the server refuses it from
clients."""

VERSION_LINE: Final = b"NATS/1.0\r\n"
LINE_END: Final = b"\r\n"

PullSubscription = JetStreamContext.PullSubscription
OnMalformed = Callable[[Undecodable], None]


class UnreadableAnswer(NatsError):
    """An answer of JetStream that cannot be read; the caller may ask again."""


def ignore_malformed(error: Undecodable) -> None:
    """Report nothing: for the connections of commands."""


class SafeClient(Client):
    """A client that survives every message; *on_malformed* receives what it cannot parse."""

    def __init__(self, on_malformed: OnMalformed = ignore_malformed) -> None:
        super().__init__()
        self._on_malformed = on_malformed

    async def _process_msg(
        self, sid: int, subject: bytes, reply: bytes, data: bytes, headers: bytes
    ) -> None:
        is_stored = reply.startswith(FROM_STREAM)
        if data and not is_stored and self._is_of_consumer(sid):
            self._report(subject, NotJSMessageError())
            return
        if headers and is_stored:
            headers = without_status(headers)
        try:
            await super()._process_msg(sid, subject, reply, data, headers)
        except Exception as error:  # noqa: BLE001 - what the library may raise is documented nowhere
            self._report(subject, error)

    async def _process_headers(self, headers: bytes) -> dict[str, str] | None:
        try:
            return await super()._process_headers(headers)  # pyright: ignore[reportUnknownMemberType]
        except Exception:  # noqa: BLE001 - as above; its reader refuses, and counts, what is not signed
            return None

    async def _process_pong(self) -> None:
        """Take a pong that came after its waiter gave up; the library would stop reading then."""
        waiters: list[asyncio.Future[Any]] = self._pongs  # pyright: ignore[reportUnknownMemberType, reportUnknownVariableType]
        if waiters and waiters[0].done():
            waiters[0] = asyncio.get_running_loop().create_future()
        await super()._process_pong()

    def _is_of_consumer(self, sid: int) -> bool:
        """Say whether *sid* may receive only stored messages and the server's own."""
        subscription = self._subs.get(sid)
        return subscription is not None and getattr(subscription, "_jsi", None) is not None

    def _report(self, subject: bytes, error: Exception) -> None:
        where = subject.decode("ascii", "replace") or "its headers"
        sentence = f"a message could not be parsed ({where}): {describe_error(error)}"
        self._on_malformed(Undecodable(sentence, reason="malformed"))

    def jetstream(self, **options: Any) -> "SafeJetStream":
        return SafeJetStream(self, **options)


def without_status(headers: bytes) -> bytes:
    """A message's block of headers without the status that its first line may hold."""
    first, _, rest = headers.partition(LINE_END)
    return headers if first + LINE_END == VERSION_LINE else VERSION_LINE + rest


def delivery_of(message: Msg) -> Msg.Metadata:
    """Return *message*'s place in its stream, its time there, and its count of deliveries.

    Raises:
        UnreadableAnswer: it comes from no stream.
    """
    try:
        return message.metadata
    except (NatsError, ValueError, OverflowError, OSError) as error:
        raise UnreadableAnswer("a message that comes from no stream") from error


def sequence_of(message: Msg) -> Sequence:
    """Return the place of *message* in its stream.

    Raises:
        UnreadableAnswer: it comes from no stream.
    """
    return Sequence(delivery_of(message).sequence.stream)


async def require_readable(call: Awaitable[T]) -> T:
    """The result of *call*, a call of the library.

    Raises:
        UnreadableAnswer: the library failed on what came.
        nats.errors.Error, OSError: as the library raises them.
    """
    try:
        return await call
    except (NatsError, OSError):
        raise
    except Exception as error:
        raise UnreadableAnswer(f"an answer cannot be read: {error!r}") from error


class SafeJetStream(JetStreamContext):
    """JetStream, each call of which gives an answer or raises an error of the library's family."""

    async def publish(self, *args: Any, **kwargs: Any) -> PubAck:
        return await require_readable(super().publish(*args, **kwargs))

    async def get_msg(self, *args: Any, **kwargs: Any) -> RawStreamMsg:
        return await require_readable(super().get_msg(*args, **kwargs))

    async def stream_info(self, *args: Any, **kwargs: Any) -> StreamInfo:
        return await require_readable(super().stream_info(*args, **kwargs))

    async def add_stream(self, *args: Any, **kwargs: Any) -> StreamInfo:
        return await require_readable(super().add_stream(*args, **kwargs))  # pyright: ignore[reportUnknownMemberType]

    async def consumer_info(self, *args: Any, **kwargs: Any) -> ConsumerInfo:
        return await require_readable(super().consumer_info(*args, **kwargs))

    async def add_consumer(self, *args: Any, **kwargs: Any) -> ConsumerInfo:
        return await require_readable(super().add_consumer(*args, **kwargs))  # pyright: ignore[reportUnknownMemberType]

    async def subscribe(self, *args: Any, **kwargs: Any) -> JetStreamContext.PushSubscription:
        return await require_readable(super().subscribe(*args, **kwargs))

    async def pull_subscribe(self, *args: Any, **kwargs: Any) -> JetStreamContext.PullSubscription:
        return await require_readable(super().pull_subscribe(*args, **kwargs))

    async def object_store(self, *args: Any, **kwargs: Any) -> ObjectStore:
        return await require_readable(super().object_store(*args, **kwargs))
