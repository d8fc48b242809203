"""The NATS client, so that no message can end its reading, and no answer its caller.

The library parses before we do. Where it fails on a message it stops reading the connection, and a
message that lies in a stream fails at every new try. Here each message is dealt with on its own:
what the library cannot parse is reported and dropped, a stored one is given on without its headers
so that its reader skips it like any other that is not signed, and an answer that cannot be read
counts as none.

A message that lies in a stream may also begin with a status line, as the server's own do
(`NATS/1.0 100 Idle Heartbeat`). The library takes it for a word of the server and waits for the
sequence that it left out, for ever; so the line is taken away where a message comes from a stream.
"""

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
"""How the reply subject of a message begins that a consumer delivers; the server lets no client
say so."""

VERSION_LINE: Final = b"NATS/1.0\r\n"
LINE_END: Final = b"\r\n"

PullSubscription = JetStreamContext.PullSubscription
OnMalformed = Callable[[Undecodable], None]


class UnreadableAnswer(NatsError):
    """An answer of JetStream that is none; whoever asked may ask again."""


def ignore(error: Undecodable) -> None:
    """For connections of commands, which have nobody to report to."""


class SafeClient(Client):
    """A client that survives whatever comes; *on_malformed* gets what it cannot parse."""

    def __init__(self, on_malformed: OnMalformed = ignore) -> None:
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
        except Exception as error:  # noqa: BLE001 - the library says nowhere what it may raise
            self._report(subject, error)

    async def _process_headers(self, headers: bytes) -> dict[str, str] | None:
        try:
            return await super()._process_headers(headers)  # pyright: ignore[reportUnknownMemberType]
        except Exception:  # noqa: BLE001 - as above; its reader refuses, and counts, what is not signed
            return None

    def _is_of_consumer(self, sid: int) -> bool:
        """Whether only what lies in a stream, and the server's own words, may come to *sid*."""
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
    """Where *message* lies in its stream, when it was stored, how often it was handed out.

    Raises:
        UnreadableAnswer: it comes from no stream.
    """
    try:
        return message.metadata
    except (NatsError, ValueError, OverflowError, OSError) as error:
        raise UnreadableAnswer("a message that comes from no stream") from error


def sequence_of(message: Msg) -> Sequence:
    """Where *message* lies in its stream.

    Raises:
        UnreadableAnswer: it comes from no stream.
    """
    return Sequence(delivery_of(message).sequence.stream)


async def answered(call: Awaitable[T]) -> T:
    """What *call* of the library gives.

    Raises:
        UnreadableAnswer: the library failed on what came.
        nats.errors.Error, OSError: as the library says.
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
        return await answered(super().publish(*args, **kwargs))

    async def get_msg(self, *args: Any, **kwargs: Any) -> RawStreamMsg:
        return await answered(super().get_msg(*args, **kwargs))

    async def stream_info(self, *args: Any, **kwargs: Any) -> StreamInfo:
        return await answered(super().stream_info(*args, **kwargs))

    async def add_stream(self, *args: Any, **kwargs: Any) -> StreamInfo:
        return await answered(super().add_stream(*args, **kwargs))  # pyright: ignore[reportUnknownMemberType]

    async def consumer_info(self, *args: Any, **kwargs: Any) -> ConsumerInfo:
        return await answered(super().consumer_info(*args, **kwargs))

    async def add_consumer(self, *args: Any, **kwargs: Any) -> ConsumerInfo:
        return await answered(super().add_consumer(*args, **kwargs))  # pyright: ignore[reportUnknownMemberType]

    async def subscribe(self, *args: Any, **kwargs: Any) -> JetStreamContext.PushSubscription:
        return await answered(super().subscribe(*args, **kwargs))

    async def pull_subscribe(self, *args: Any, **kwargs: Any) -> JetStreamContext.PullSubscription:
        return await answered(super().pull_subscribe(*args, **kwargs))

    async def object_store(self, *args: Any, **kwargs: Any) -> ObjectStore:
        return await answered(super().object_store(*args, **kwargs))
