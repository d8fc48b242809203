# pyright: reportPrivateUsage=false
"""Messages: the library's parser of headers, the signing layer, every declared body."""

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any, cast

from nats.aio.msg import Msg
from nats.aio.subscription import Subscription

from shared.crypto.envelope import MESSAGE, REPLY, SIGNATURE_HEADER
from shared.decoding.errors import MeridianError
from shared.decoding.model import decode_model
from shared.domain.ids import Instant
from shared.events import CATALOGUE
from shared.events.config import ProposeChanges
from shared.events.message import ErrorReply, Event, Request
from shared.messaging.client import FROM_STREAM, SafeClient, UnreadableAnswer, delivery_of
from shared.messaging.middleware import (
    CONTENT_TYPE,
    PENDING,
    Guard,
    PendingRequest,
    SigningMiddleware,
    decode_declared,
    decode_reply,
)
from shared.messaging.rejections import UNKNOWN, Rejections
from tools.fuzz.declared import example
from tools.fuzz.held import finished
from tools.fuzz.samples import NO_JSON, WRONG, after, encoded, joined, varied
from tools.fuzz.target import Dropped, Target, parts, reason_of, text_of
from tools.fuzz.targets.crypto import ALPHA, NOW, signed_head, signer, verifier

if TYPE_CHECKING:
    from nats.aio.client import Client

    from shared.decoding.errors import Undecodable

BY_NAME: dict[str, type[Event]] = {each.__name__: each for each in CATALOGUE}
REQUESTS: dict[str, type[Request[Any]]] = {
    each.__name__: each for each in CATALOGUE if issubclass(each, Request)
}
STORED = [each for each in CATALOGUE if each.subject.stored]
JSON = "application/json"


class Refusals(Rejections):
    """Keeps why the last was refused."""

    def __init__(self) -> None:
        super().__init__(lambda: Instant(0.0), lambda _: None, lambda _: None)
        self.last = ""

    def record(self, error: MeridianError, sender: str = UNKNOWN) -> None:
        super().record(error, sender)
        self.last = reason_of(error)


def address_of(message: type[Event]) -> str:
    return message.model_validate(example(message)).address


def signed(subject: str, payload: bytes, sender: bytes = b"") -> dict[str, str]:
    """The headers of a message that a member of the cluster signed; *sender* is who says so."""
    head = b"1;aaaaaaaa;%s;%d;boot+1;" % (sender or str(ALPHA).encode(), NOW)
    topic = subject.encode("utf-8", "surrogatepass")
    return {
        CONTENT_TYPE: JSON,
        SIGNATURE_HEADER: signed_head(MESSAGE, topic, head, JSON.encode(), payload),
    }


def _body(data: bytes) -> object:
    """The name of a message, its subject and its body."""
    name, subject, body = parts(data, 3)
    message = decode_model(BY_NAME.get(text_of(name), CATALOGUE[0]), body)
    if not message.is_addressed_to(text_of(subject)):
        raise Dropped("another_address")
    return message.model_dump_json()


def _body_corpus() -> Iterable[bytes]:
    for message in CATALOGUE:
        name, address = message.__name__.encode(), address_of(message).encode()
        yield joined(name, address, encoded(example(message)))
        yield joined(name, b"meridian", encoded(example(message)))
        for field in example(message):
            for wrong in WRONG:
                yield joined(name, address, encoded({**example(message), field: wrong}))
    yield from (joined(b"NodeHeartbeat", b"", each) for each in NO_JSON)


def _reply(data: bytes) -> object:
    name, body = parts(data, 2)
    return decode_reply(REQUESTS.get(text_of(name), ProposeChanges), body)


def _reply_corpus() -> Iterable[bytes]:
    for name, request in REQUESTS.items():
        yield joined(name.encode(), encoded(example(request.reply)))
    yield from after(b"ProposeChanges", varied(example(ErrorReply)))


def _layer(data: bytes) -> object:
    """A live message or an answer at the signing layer: how, sender, subject, reply, payload."""
    how, sender, subject, reply, payload = parts(data, 5)
    topic, refusals = text_of(subject), Refusals()
    headers: dict[str, str] = {} if b"unsigned" in how else signed(topic, payload, sender)
    guard = Guard(
        *(signer(), verifier(), refusals, f"_INBOX.{ALPHA}", cast("Any", None), _invariant_broke),
        lambda: Instant(0.5),
    )
    if b"answer" in how:
        topic = f"_INBOX.{ALPHA}.1"
        head = b"1;aaaaaaaa;%s;%d;boot+1;boot+9" % (sender or str(ALPHA).encode(), NOW)
        headers[SIGNATURE_HEADER] = signed_head(REPLY, b"", head, JSON.encode(), payload)
        headers[CONTENT_TYPE] = JSON
    pending = PendingRequest(ProposeChanges, "boot+9") if b"asked" in how else None
    message = Msg(cast("Client", None), topic, text_of(reply), payload, headers)
    token = PENDING.set(pending)
    try:
        layer = type("Bound", (SigningMiddleware,), {"guard": guard})(message, context=None)
        finished(layer.on_receive())
        if pending is not None and b"answer" in how:
            return pending.answer
        body = decode_declared(cast("Any", Delivered(message)))
        assert layer._declared is not None, "it passed"
        layer._check_body(layer._declared, topic, body)
    except Exception as error:
        if refusals.last:  # refused, counted, and dropped by what the framework then does
            raise Dropped(refusals.last) from error
        raise
    finally:
        PENDING.reset(token)
    return body


class Delivered:
    """A message as the framework hands it to a decoder."""

    def __init__(self, message: Msg) -> None:
        self.raw_message, self.body = message, message.data


def _invariant_broke(error: BaseException) -> None:
    raise error


def _layer_corpus() -> Iterable[bytes]:
    for message in CATALOGUE:
        subject, payload = address_of(message).encode(), encoded(example(message))
        for service in sorted(message.subject.speakers)[:1]:
            sender = f"alpha.{service}.1f2e".encode()
            inbox = b"_INBOX." + sender + b".1"
            for reply in (b"", inbox, b"$JS.API.STREAM.DELETE.LOG-1"):
                yield joined(b"", sender, subject, reply, payload)
            yield joined(b"", sender, subject, b"", b"{}")
        yield joined(b"", b"alpha.nobody.1f2e", subject, b"", payload)
        yield joined(b"unsigned", b"", subject, b"", payload)
    heartbeat = encoded({**example(BY_NAME["NodeHeartbeat"]), "node": "bravo"})
    subject = address_of(BY_NAME["NodeHeartbeat"]).encode()
    for service in sorted(BY_NAME["NodeHeartbeat"].subject.speakers):
        yield joined(b"", f"alpha.{service}.1f2e".encode(), subject, b"", heartbeat)
        yield joined(b"", f"bravo.{service}.1f2e".encode(), subject, b"", heartbeat)
    yield joined(b"", b"", b"meridian.no.such", b"", b"{}")
    yield joined(b"", b"no sender", subject, b"", heartbeat)
    answer = encoded(example(ProposeChanges.reply))
    yield joined(b"answer asked", b"alpha.config.1f2e", b"", b"", answer)
    yield joined(b"answer asked", b"alpha.config.1f2e", b"", b"x", answer)
    yield joined(b"answer asked", b"alpha.config.1f2e", b"", b"", b"[]")
    yield joined(b"answer asked", b"alpha.relay.1f2e", b"", b"", answer)
    yield joined(b"answer", b"alpha.config.1f2e", b"", b"", answer)


def _client(data: bytes) -> object:
    """A message as the library's reader meets it: how it is subscribed, reply, headers, payload."""
    how, subject, reply, headers, payload = parts(data, 5)
    return finished(_received(how, subject, reply, headers, payload))


async def _received(
    how: bytes, subject: bytes, reply: bytes, headers: bytes, payload: bytes
) -> object:
    refused: list[Undecodable] = []
    client = SafeClient(refused.append)
    subscription = Subscription(client, 1, "x")
    subscription._jsi = cast("Any", Ordered() if how == b"ordered" else None)
    client._subs[1] = subscription
    await client._process_msg(1, subject, reply, payload, headers)
    if subscription._pending_queue.empty():
        raise Dropped("malformed" if refused else "control")
    message: Msg = subscription._pending_queue.get_nowait()
    try:
        delivery_of(message)
    except UnreadableAnswer as error:
        raise Dropped("no_delivery") from error
    return (message.headers or {}).get(SIGNATURE_HEADER, "")


class Ordered:
    """What the library keeps of an ordered consumer."""

    _ordered = True
    _active = True
    _dseq = 1
    _sseq = 0
    _fciseq = 0

    async def reset_ordered_consumer(self, sequence: int) -> bool:
        return sequence >= 0

    async def check_for_sequence_mismatch(self, message: Msg) -> bool:
        return not message.data


def _client_corpus() -> Iterable[bytes]:
    ack = FROM_STREAM + b"EVENTS.c.1.7.1.1700000000000000000.0"
    blocks = (
        *(
            b"",
            b"NATS/1.0\r\n\r\n",
            b"NATS/1.0\r\nMeridian-Sig: x\r\n\r\n",
            b"NATS/1.0",
            b"NATS/1.0\r\n",
        ),
        *(
            b"NATS/1.0 100 Idle Heartbeat\r\n\r\n",
            b"NATS/1.0 503\r\n\r\n",
            b"NATS/1.0 \xff\r\n\r\n",
        ),
        *(
            b"NATS/1.0\r\n\xff: \xff\r\n\r\n",
            b"NATS/1.0\r\n: \r\n\r\n",
            b"\xff",
            b"NATS/1.0\r\nno colon\r\n\r\n",
        ),
        *(
            b"NATS/1.0 100 Idle\r\nNats-Consumer-Stalled: $JS.API\r\n\r\n",
            b"NATS/1.0\r\n a: b\r\n\r\n",
        ),
        *(
            b"NATS/1.0 100 FlowControl Request\r\n\r\n",
            b"NATS/1.0\r\nA: b\r\n c\r\n\r\n",
            b" " * 30,
        ),
        b"NATS/1.0 100 x\r\nNats-Last-Consumer: x\r\n\r\n",
    )
    replies = (
        *(
            b"",
            ack,
            b"$JS.ACK.x",
            FROM_STREAM + b"E.c.1.x.1.1.0",
            FROM_STREAM + b"E.c.1.1.1." + b"9" * 40 + b".0",
        ),
        *(b"\xff", ack.replace(b"7", b"9" * 5_000), FROM_STREAM + b"d.h.E.c.1.7.1.1.0.r"),
    )
    for block in blocks:
        for reply in replies:
            for how in (b"", b"ordered"):
                yield joined(how, b"meridian.x", reply, block, b"{}")
    yield joined(b"ordered", b"x", b"", b"NATS/1.0 100 Idle Heartbeat\r\n\r\n", b"")
    yield joined(b"", b"\xff", b"", b"", b"")


TARGETS = (
    Target(
        "messages.body",
        _body,
        _body_corpus,
        (
            *("shared.decoding.model:decode_model", "shared.decoding.model:_bad_shape"),
            *(
                "shared.events.message:Event.is_addressed_to",
                "shared.events.subject:Subject.address",
            ),
        ),
        frozenset(
            {
                *("bad_shape", "bad_syntax", "not_text", "number_out_of_range", "too_deep"),
                "another_address",
            }
        ),
    ),
    Target(
        "messages.reply",
        _reply,
        _reply_corpus,
        ("shared.messaging.middleware:decode_reply",),
        frozenset({"bad_shape", "bad_syntax", "not_text", "number_out_of_range", "too_deep"}),
    ),
    Target(
        "messages.layer",
        _layer,
        _layer_corpus,
        (
            *("shared.messaging.middleware:SigningMiddleware.on_receive",),
            *("shared.messaging.middleware:SigningMiddleware._check_reply",),
            *("shared.messaging.middleware:SigningMiddleware._check_message",),
            *("shared.messaging.middleware:SigningMiddleware._check_body",),
            *("shared.messaging.middleware:decode_declared",),
            *("shared.messaging.replies:require_own_inbox",),
        ),
        frozenset(
            {
                *("unsigned", "malformed", "unknown_subject", "bad_reply", "not_a_speaker"),
                *("another_node", "another_address", "bad_shape", "unasked", "not_an_answerer"),
            }
        ),
        slow="each input passes the framework's layer, on an event loop",
    ),
    Target(
        "messages.client",
        _client,
        _client_corpus,
        (
            *("shared.messaging.client:SafeClient._process_msg",),
            *("shared.messaging.client:SafeClient._process_headers",),
            *("shared.messaging.client:without_status", "shared.messaging.client:delivery_of"),
        ),
        frozenset({"malformed", "control", "no_delivery"}),
        slow="each input passes the library's client, on an event loop",
    ),
)
