"""Wraps every message in two layers: signatures, and errors as their senders need them.

Signing happens in `publish_scope`, on the bytes that go out; checking in `on_receive`, before a
byte is parsed. A forged message is dropped and never redelivered, and so is one that asks for an
answer where its sender does not listen (`shared.messaging.replies`). A reply is bound to its
request by the request's id, since the client library chooses the inbox. The fields of a
message must agree with its subject: nobody speaks for another node by naming it inside.
Only a request is answered, and never with an empty message: sent to a subject of JetStream's API
it could delete a stream.
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable
from contextvars import ContextVar
from dataclasses import dataclass, field
from time import perf_counter
from typing import Any, Final, Protocol, cast

from faststream import BaseMiddleware, PublishCommand, StreamMessage
from faststream.exceptions import NackMessage, RejectMessage
from faststream.message import encode_message
from faststream.nats.response import NatsPublishCommand
from faststream.response import PublishType
from nats.aio.msg import Msg
from pydantic import BaseModel

from shared.crypto.envelope import (
    FIELDS,
    MESSAGE,
    REPLY,
    SIGNATURE_HEADER,
    Identity,
    Signed,
    Signer,
    Verifier,
)
from shared.decoding.errors import Undecodable
from shared.decoding.model import decode_model
from shared.domain.clock_offset import ALERT_MS, ClockOffsets, measure_offset
from shared.domain.errors import BadSignature, MeridianError, Stopping, Unavailable
from shared.domain.ids import Instant
from shared.events.message import Attribute, ErrorReply, Event, Message, Request
from shared.messaging.catalogue import find_message, require_answerer, require_speaker
from shared.messaging.rejections import Rejections
from shared.messaging.replies import require_own_inbox

CONTENT_TYPE: Final = "content-type"
JSON: Final = "application/json"
RETRY_SECONDS: Final = 1.0
REFUSAL: Final = b'{"error_code":'
"""How an `ErrorReply` begins; a test holds that no other answer does."""

STAMPED_OFF: Final = frozenset({"too_old", "before_start"})
"""Why a message is refused whose proof holds, and whose stamp is far from our time."""

_LOG: Final = logging.getLogger("meridian.messaging")


@dataclass(slots=True)
class PendingRequest:
    """The request whose answer is awaited in this task: its *id* and when it was *sent_at*."""

    request: type[Request[Any]]
    id: str = ""
    sent_at: Instant = Instant(0)
    answer: Message | None = None


PENDING: ContextVar[PendingRequest | None] = ContextVar("pending", default=None)


class Silent(Exception):
    """Nothing is sent, and nothing is wrong: another process answers, or enough was answered."""


class Meter(Protocol):
    """Counts messages that passed, by their declared name."""

    def received(self, message: str) -> None: ...
    def handled(self, message: str, seconds: float) -> None: ...


@dataclass(frozen=True)
class Guard:
    """The keys, the count of refusals and the own inbox, which both layers need.

    *fail* receives a broken invariant; the service must end then. *now* is the clock that nobody
    sets, *clocks* what the answers' stamps showed of other clocks. *ending* is set once the service
    is told to stop.
    """

    signer: Signer
    verifier: Verifier
    rejections: Rejections
    inbox_prefix: str
    meter: Meter
    fail: Callable[[BaseException], None]
    now: Callable[[], Instant]
    clocks: ClockOffsets = field(default_factory=ClockOffsets)
    ending: asyncio.Event = field(default_factory=asyncio.Event)


class SigningMiddleware(BaseMiddleware[PublishCommand, Any]):
    """Signs what goes out, checks what comes in; one object lives for one message."""

    guard: Guard

    def __init__(self, msg: Any, /, *, context: Any) -> None:
        super().__init__(msg, context=context)
        self._answering = ""
        self._sender = ""
        self._declared: type[Event] | None = None

    async def publish_scope(
        self, call_next: Callable[[PublishCommand], Awaitable[Any]], cmd: PublishCommand
    ) -> Any:
        assert isinstance(cmd, NatsPublishCommand), "this layer is for NATS"
        payload, kind = encode_body(cmd.body)
        headers = dict(cmd.headers or {})
        kind = headers.get(CONTENT_TYPE) or kind
        signer = self.guard.signer
        if cmd.publish_type is PublishType.REPLY:
            self._require_answer(payload)
            value, _ = signer.sign(REPLY, "", kind, payload, self._answering)
        else:
            value, message_id = signer.sign(MESSAGE, cmd.destination, kind, payload)
            pending = PENDING.get()
            if cmd.publish_type is PublishType.REQUEST and pending is not None:
                pending.id, pending.sent_at = message_id, self.guard.now()
        cmd.body = payload
        cmd.headers = {**headers, CONTENT_TYPE: kind, SIGNATURE_HEADER: value}
        return await call_next(cmd)

    async def on_receive(self) -> None:
        message = self.msg
        if not isinstance(message, Msg):
            self.guard.fail(AssertionError("only messages have headers; stored values sign inside"))
            raise RejectMessage
        is_reply = message.subject.startswith(f"{self.guard.inbox_prefix}.")
        try:
            (self._check_reply if is_reply else self._check_message)(message)
        except (BadSignature, Undecodable) as error:
            self.guard.rejections.record(error, _claimed_sender(message))
            if error.attributes.get("reason") in STAMPED_OFF:
                self._suspect_clock(Identity.parse(_claimed_sender(message)))
            if is_reply:
                raise  # whoever asked goes on waiting for the true answer
            raise RejectMessage from error

    async def consume_scope(
        self, call_next: Callable[[StreamMessage[Any]], Awaitable[Any]], msg: StreamMessage[Any]
    ) -> Any:
        declared = self._declared
        if declared is None:
            return await call_next(msg)
        self._check_body(declared, self.msg.subject, await msg.decode())
        self.guard.meter.received(declared.__name__)
        began = perf_counter()
        try:
            answer = await call_next(msg)
        finally:
            self.guard.meter.handled(declared.__name__, perf_counter() - began)
        is_answered = issubclass(declared, Request)
        assert is_answered is (answer is not None), (
            f"the handler of {declared.__name__} returned {'nothing' if is_answered else answer}"
        )
        return answer

    def _require_answer(self, payload: bytes) -> None:
        """End the service rather than answer a request with nothing."""
        if not payload:
            error = AssertionError("an answer is never empty")
            self.guard.fail(error)
            raise error

    def _check_reply(self, message: Msg) -> None:
        pending = PENDING.get()
        if pending is None:
            raise BadSignature("an answer that nobody asked for", reason="unasked")
        if message.reply:
            raise BadSignature("an answer that asks for an answer", reason="bad_reply")
        header, kind = _head(message)
        signed = self.guard.verifier.check(
            "", header, kind, message.data, live=False, in_reply_to=pending.id
        )
        require_answerer(pending.request, signed.identity)
        pending.answer = decode_reply(pending.request, message.data)
        self._measure_clock(signed, pending.sent_at)

    def _measure_clock(self, signed: Signed, sent_at: Instant) -> None:
        """Keep how far the clock of the one who answered is from ours."""
        guard, identity = self.guard, signed.identity
        offset = measure_offset(signed.unix_ms, guard.verifier.now_ms(), sent_at, guard.now())
        if offset is not None:
            guard.clocks.record((identity.node, identity.service), offset)

    def _suspect_clock(self, identity: Identity) -> None:
        """Have the clock of *identity* measured: its message is late, or its clock is wrong."""
        self.guard.clocks.suspect((identity.node, identity.service), self.guard.now())

    def _check_message(self, message: Msg) -> None:
        declared = find_message(message.subject)
        if declared is None:
            raise BadSignature(f"{message.subject} is not declared", reason="unknown_subject")
        require_own_inbox(declared, _claimed_sender(message), message.reply)
        header, kind = _head(message)
        live = not (declared.subject.stored or declared.subject.any_age)
        signed = self.guard.verifier.check(message.subject, header, kind, message.data, live=live)
        require_speaker(declared, message.subject, signed.identity)
        if live and abs(signed.unix_ms - self.guard.verifier.now_ms()) >= ALERT_MS:
            self._suspect_clock(signed.identity)
        self._answering, self._sender, self._declared = signed.id, str(signed.identity), declared

    def _check_body(self, declared: type[Event], subject: str, body: object) -> None:
        """Let pass what was decoded and agrees with its subject.

        Raises:
            Undecodable: the body has another shape.
            RejectMessage: the body names another node, session or the like than the subject.
        """
        if isinstance(body, Undecodable):
            self.guard.rejections.record(body, self._sender)
            raise body
        assert isinstance(body, declared), "the decoder gives what the subject declares"
        if not body.is_addressed_to(subject):
            refusal = BadSignature(
                f"a message of {self._sender} does not agree with its subject {subject}",
                reason="another_address",
            )
            self.guard.rejections.record(refusal, self._sender)
            raise RejectMessage


def decode_declared(message: StreamMessage[Msg]) -> object:
    """The body of *message* as its subject declares it, or the `Undecodable` that it is.

    FastStream ends its work on a message whose decoder raises, before any layer hears of it; so the
    refusal is handed on as a value.
    """
    declared = find_message(message.raw_message.subject)
    if declared is None:
        return message.body
    try:
        return decode_model(declared, message.body)
    except Undecodable as error:
        return error


def decode_reply(request: type[Request[Any]], body: bytes) -> Message:
    """The answer to *request* in *body*; an `ErrorReply` where it is one.

    Raises:
        Undecodable: it is neither.
    """
    return decode_model(ErrorReply if body.startswith(REFUSAL) else request.reply, body)


def build_layers(guard: Guard) -> tuple[type["ErrorMiddleware"], type[SigningMiddleware]]:
    """Build both layers with this process's keys, the signing one last."""
    return (
        type(
            "BoundErrorMiddleware",
            (ErrorMiddleware,),
            {"fail": staticmethod(guard.fail), "ending": guard.ending},
        ),
        type("BoundSigningMiddleware", (SigningMiddleware,), {"guard": guard}),
    )


class ErrorMiddleware(BaseMiddleware[PublishCommand, Any]):
    """Turns a handler's error into what the sender should do about it.

    Who asked gets an `ErrorReply`. A stored message is terminated when its sender is wrong and
    comes again later when nobody is. A broken invariant is nobody's answer: the message is kept
    for another process, and this one ends. A service that stops takes away what its handlers use:
    what fails then is for another process too.
    """

    fail: Callable[[BaseException], None]
    ending: asyncio.Event

    async def consume_scope(
        self, call_next: Callable[[StreamMessage[Any]], Awaitable[Any]], msg: StreamMessage[Any]
    ) -> Any:
        try:
            return await call_next(msg)
        except Silent:
            raise RejectMessage from None
        except MeridianError as error:
            return _remedy(error, msg)
        except AssertionError as error:
            self.fail(error)
            raise NackMessage(delay=RETRY_SECONDS) from error
        except (NackMessage, RejectMessage):
            raise
        except Exception:
            if self.ending.is_set():
                return _remedy(Stopping("the service is stopping: ask another one"), msg)
            _LOG.exception("a handler failed")
            if _is_answered(msg):
                return ErrorReply(error_code="error", message="the service failed; see its log")
            raise


def _remedy(error: MeridianError, msg: StreamMessage[Any]) -> ErrorReply:
    if _is_answered(msg):
        return ErrorReply(
            error_code=error.code, message=error.message, attributes=portable_attributes(error)
        )
    if isinstance(error, Unavailable):
        raise NackMessage(delay=RETRY_SECONDS) from error
    _LOG.warning("a message was dropped: %s", error.message)
    raise RejectMessage from error


def _is_answered(msg: StreamMessage[Any]) -> bool:
    """Say whether somebody awaits an answer: that is declared, never read from the message."""
    declared = find_message(msg.raw_message.subject)
    return bool(msg.reply_to) and declared is not None and issubclass(declared, Request)


def encode_body(body: Any) -> tuple[bytes, str]:
    """The bytes that go over the wire and their content type."""
    if isinstance(body, BaseModel):
        return body.model_dump_json().encode(), JSON
    payload, kind = encode_message(body, None)
    return payload, kind or ""


def _head(message: Msg) -> tuple[str, str]:
    headers = message.headers or {}
    return headers.get(SIGNATURE_HEADER, ""), headers.get(CONTENT_TYPE, "")


def _claimed_sender(message: Msg) -> str:
    parts = _head(message)[0].split(";")
    return parts[2] if len(parts) == FIELDS else "unknown"


def portable_attributes(error: MeridianError) -> dict[str, Attribute]:
    """The attributes of *error*, as they can travel."""
    return {name: _attribute(value) for name, value in error.attributes.items()}


def _attribute(value: object) -> Attribute:
    if isinstance(value, tuple):
        return tuple(str(each) for each in cast("tuple[object, ...]", value))
    return value if isinstance(value, str | int | float) or value is None else str(value)
