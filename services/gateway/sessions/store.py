"""Stores sessions: the last message on each session's subject of the stream `SESSIONS`.

Every write is a compare-and-set on that subject's last sequence. A missing answer
proves nothing, so the writer reads again and decides again. States carry the cluster's signature;
one that is not signed by a gateway of the cluster is not a state.
"""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass
from typing import Any, Final, Protocol, TypeVar

from nats.aio.client import Client
from nats.aio.msg import Msg
from nats.errors import Error as NatsError
from nats.js.api import ConsumerConfig, DeliverPolicy, RawStreamMsg
from nats.js.errors import NotFoundError

from shared.crypto.envelope import MESSAGE, SIGNATURE_HEADER, Signer, Verifier
from shared.decoding.errors import Undecodable
from shared.decoding.model import decode_model
from shared.domain.errors import BadSignature, NotFound, Unavailable
from shared.domain.ids import Sequence, SessionId
from shared.events.message import Event
from shared.events.session import PathReported, SessionState
from shared.messaging.catalogue import require_speaker
from shared.messaging.client import sequence_of
from shared.messaging.compare_and_set import (
    Expectation,
    SequenceConflict,
    Target,
    is_missing_message,
    publish_if_last,
)
from shared.messaging.connection import jetstream_of
from shared.messaging.rejections import Rejections
from shared.messaging.streams import SESSIONS

E = TypeVar("E", bound=Event)
T = TypeVar("T")

CONTENT_TYPE: Final = "application/json"
PATIENCE_SECONDS: Final = 10.0
"""How long start, join and close wait for a stream without a leader (elections take 4 to 8 s)."""

CALL_SECONDS: Final = 2.0
PAUSE_SECONDS: Final = 0.2


@dataclass(frozen=True, slots=True)
class Kept:
    """A session's state and the sequence that the next write must name."""

    state: SessionState
    sequence: Sequence


class SessionStore(Protocol):
    """Reads and writes the sessions' stream for the gateway."""

    async def get(self, session: SessionId) -> Kept: ...
    async def create(self, state: SessionState) -> bool: ...
    async def change(
        self, session: SessionId, decide: Callable[[SessionState], Awaitable[SessionState]]
    ) -> SessionState: ...
    async def path_facts(self, session: SessionId) -> list[PathReported]: ...
    def watch(self) -> AsyncIterator[Kept | None]: ...


class JetStreamSessions:
    """Sessions in JetStream."""

    def __init__(
        self, client: Client, signer: Signer, verifier: Verifier, rejections: Rejections
    ) -> None:
        self._client = client
        self._jetstream = jetstream_of(client, CALL_SECONDS)
        self._signer = signer
        self._verifier = verifier
        self._rejections = rejections

    async def get(self, session: SessionId) -> Kept:
        """Return the session's last state.

        Raises:
            NotFound: no session was ever opened under this nameplate.
            Unavailable: the stream has no leader for longer than the patience.
        """
        subject = SessionState.subject.address(session=session)

        return await self._patiently(lambda: self._last(subject))

    async def create(self, state: SessionState) -> bool:
        """Write the first state; False when the nameplate is taken."""
        return await self._patiently(lambda: self._put(state, Sequence(0)))

    async def change(
        self, session: SessionId, decide: Callable[[SessionState], Awaitable[SessionState]]
    ) -> SessionState:
        """Replace the state by what *decide* makes of it, again while others were faster.

        Raises:
            NotFound: there is no such session.
            Unavailable: the stream has no leader for longer than the patience.
        """
        while True:
            kept = await self.get(session)
            after = await decide(kept.state)
            if after == kept.state:
                return after
            if await self._patiently(lambda: self._put(after, kept.sequence)):  # noqa: B023
                return after

    async def path_facts(self, session: SessionId) -> list[PathReported]:
        """Return what the relays reported of the session's pairs, oldest first.

        Raises:
            Unavailable: the stream has no leader for longer than the patience.
        """
        subject, facts, sequence = _facts_of(session), list[PathReported](), 0
        while True:
            first = sequence + 1
            try:
                raw = await self._patiently(
                    lambda: self._jetstream.get_msg(SESSIONS, seq=first, subject=subject, next=True)  # noqa: B023
                )
            except NotFound:
                return facts
            sequence = raw.seq or first
            with contextlib.suppress(BadSignature, Undecodable):
                facts.append(self._fact(raw))

    async def watch(self) -> AsyncIterator[Kept | None]:
        """Yield None once the watch has begun, then every last state, then each new one.

        Raises:
            nats.errors.Error: there is no such stream, or it has no leader; try again.
        """
        if not self._client.is_connected:
            raise Unavailable("there is no connection to NATS")
        subscription = await self._jetstream.subscribe(
            SessionState.subject.wildcard,
            stream=SESSIONS,
            ordered_consumer=True,
            idle_heartbeat=0.5,
            config=ConsumerConfig(deliver_policy=DeliverPolicy.LAST_PER_SUBJECT),
        )
        try:
            yield None
            async for message in subscription.messages:
                kept = self._seen(message)
                if kept is not None:
                    yield kept
        finally:
            await subscription.unsubscribe()

    async def _put(self, state: SessionState, expected: Sequence) -> bool:
        subject, payload = state.address, state.model_dump_json().encode()
        header, _ = self._signer.sign(MESSAGE, subject, CONTENT_TYPE, payload)
        try:
            await publish_if_last(
                self._jetstream,
                Target(SESSIONS, subject),
                payload,
                Expectation.on_subject(expected),
                {SIGNATURE_HEADER: header},
            )
        except SequenceConflict:
            return False
        return True

    def _fact(self, raw: RawStreamMsg) -> PathReported:
        return self._read(PathReported, raw.subject or "", _signature(raw), raw.data or b"")

    async def _last(self, subject: str) -> Kept:
        """Return the last state on *subject*.

        The next write replaces the last message, whether it is a state or not.
        """
        raw = await self._jetstream.get_last_msg(SESSIONS, subject)
        end = Sequence(raw.seq or 0)
        with contextlib.suppress(BadSignature, Undecodable):
            return Kept(self._read(SessionState, subject, _signature(raw), raw.data or b""), end)
        state = await self._last_before(subject, end)
        if state is None:
            raise NotFound("there is no such session")
        return Kept(state, end)

    async def _last_before(self, subject: str, end: Sequence) -> SessionState | None:
        """Return the last state on *subject* before *end*, where somebody put what is no state."""
        state, sequence = None, 0
        while True:
            raw = await self._jetstream.get_msg(
                SESSIONS, seq=sequence + 1, subject=subject, next=True
            )
            sequence = raw.seq or end
            if sequence >= end:
                return state
            with contextlib.suppress(BadSignature, Undecodable):
                state = self._read(SessionState, subject, _signature(raw), raw.data or b"")

    def _seen(self, message: Msg) -> Kept | None:
        header = (message.headers or {}).get(SIGNATURE_HEADER, "")
        try:
            state = self._read(SessionState, message.subject, header, message.data)
        except (BadSignature, Undecodable) as error:
            self._rejections.record(error)
            return None
        return Kept(state, sequence_of(message))

    def _read(self, kind: type[E], subject: str, header: str, payload: bytes) -> E:
        """Decode a message of *kind*.

        Raises:
            BadSignature: none of the cluster who may say that signed it for this subject.
            Undecodable: it is no message of that kind.
        """
        signed = self._verifier.check(subject, header, CONTENT_TYPE, payload, live=False)
        require_speaker(kind, subject, signed.identity)
        event = decode_model(kind, payload)
        if not event.is_addressed_to(subject):
            raise BadSignature("it is of another session", reason="another_address")
        return event

    async def _patiently(self, call: Callable[[], Awaitable[T]]) -> T:
        """Return the answer of *call*, repeated while the stream has no leader.

        Raises:
            Unavailable: there was none within the patience.
        """
        try:
            async with asyncio.timeout(PATIENCE_SECONDS):
                while True:
                    if self._client.is_connected:
                        with contextlib.suppress(NatsError, OSError):
                            return await self._asked(call)
                    await asyncio.sleep(PAUSE_SECONDS)
        except TimeoutError as error:
            raise Unavailable(
                "the sessions' log has no leader at the moment; running sessions go on",
                retry_after_seconds=5,
            ) from error

    @staticmethod
    async def _asked(call: Callable[[], Awaitable[T]]) -> T:
        """Return the answer of *call*; a missing message is an answer, not a failure.

        Raises:
            NotFound: there is none.
        """
        try:
            return await call()
        except NotFoundError as error:
            if is_missing_message(error):
                raise NotFound("there is no such session") from error
            raise


def _facts_of(session: SessionId) -> str:
    """Return the subjects of the facts of one session, from every relay."""
    any_node = PathReported.subject.address(session=session, node="any")
    return any_node.replace(".any.", ".*.")


def _signature(message: Any) -> str:
    """Read the signature in the headers of a message whose type the library leaves open."""
    headers: Any = message.headers
    return "" if headers is None else str(headers.get(SIGNATURE_HEADER, ""))
