"""One generation of the log: append, look up, read on."""

import asyncio
import logging
from collections.abc import AsyncGenerator
from dataclasses import dataclass
from typing import Final

from nats.aio.client import Client
from nats.errors import Error as NatsError
from nats.errors import TimeoutError as NatsTimeoutError
from nats.js.api import ConsumerConfig, DeliverPolicy, StorageType, StreamConfig
from nats.js.errors import NotFoundError

from shared.clusterlog.names import list_generations, stream_name, subject_name
from shared.crypto.nodekeys import NodeKey, TrustStore
from shared.domain.errors import LogUnavailable, OutcomeUnknown, Rejected
from shared.domain.ids import LogGeneration, NodeId, Sequence
from shared.domain.log import LogEntry, StoredEntry, entry_hash, signed_bytes
from shared.messaging.client import sequence_of
from shared.messaging.compare_and_set import (
    Expectation,
    SequenceConflict,
    Target,
    is_missing_message,
    publish_if_last,
)
from shared.messaging.connection import jetstream_of
from shared.messaging.jetstream import MESSAGE_ID

CALL_SECONDS: Final = 2.0
RESENDS: Final = 3
PAUSE_SECONDS: Final = 0.1
ELECTION_SECONDS: Final = 10.0
"""How long an append is tried while the log has no leader; elections take 4 to 8 s."""

IDLE_HEARTBEAT_SECONDS: Final = 0.5
"""How soon a reader notices that its consumer died with its server; the default takes 18 s."""


class LogConflict(Rejected):
    """Somebody else extended the log; catch up and decide again."""

    code = "log_conflict"


class LogMissing(LogUnavailable):
    """JetStream answers, and has no such stream: the log is lost, or was never made."""

    code = "log_missing"


@dataclass(frozen=True, slots=True)
class RawEntry:
    """A message of the log as it was read."""

    sequence: Sequence
    data: bytes


@dataclass(frozen=True, slots=True)
class EntrySigner:
    """Signs the entries that a master writes."""

    node: NodeId
    key: NodeKey

    def sign(self, entry: LogEntry) -> StoredEntry:
        """The entry as the log stores it."""
        body = entry.encode()
        digest = entry_hash(body)
        return StoredEntry(body, digest, self.node, self.key.sign(signed_bytes(digest)))


def verify(stored: StoredEntry, trust: TrustStore) -> bool:
    """Say whether a known master signed *stored*."""
    return trust.verify(stored.signer, stored.signature, signed_bytes(stored.hash))


class ClusterLog:
    """The log of one generation, over a connection of its own.

    An object never changes its generation: an entry that was prepared for it is sent to that
    generation's own stream and subject, and can never be stored in the next one.
    """

    def __init__(self, client: Client, generation: LogGeneration) -> None:
        self.generation = generation
        self._client = client
        self._jetstream = jetstream_of(client, CALL_SECONDS)
        self._stream = stream_name(generation)
        self._subject = subject_name(generation)
        self._log = logging.getLogger("meridian.clusterlog")

    def of(self, generation: LogGeneration) -> "ClusterLog":
        """The log of another generation, over the same connection."""
        return ClusterLog(self._client, generation)

    async def later(self) -> tuple[LogGeneration, ...]:
        """The later generations that have a stream, the last one first; one may be empty.

        Raises:
            LogUnavailable: JetStream does not answer.
        """
        self._require_connection()
        there = await list_generations(self._client, CALL_SECONDS)
        return tuple(sorted((each for each in there if each > self.generation), reverse=True))

    async def create(self, replicas: int) -> None:
        """Make the stream; only `init` and a rebuild may.

        Raises:
            LogConflict: it is there already.
            LogUnavailable: JetStream did not do it.
        """
        config = StreamConfig(
            name=self._stream,
            subjects=[self._subject],
            storage=StorageType.FILE,
            num_replicas=replicas,
            deny_delete=True,
            deny_purge=True,
            allow_direct=False,
        )
        if await self.exists():
            raise LogConflict(f"the log {self._stream} is there already; this site was made before")
        try:
            await self._jetstream.add_stream(config)  # pyright: ignore[reportUnknownMemberType]
        except (NatsError, OSError) as error:
            raise LogUnavailable(f"the log was not made: {error}") from error

    async def exists(self) -> bool:
        """Say whether the stream is there.

        Raises:
            LogUnavailable: JetStream does not answer.
        """
        self._require_connection()
        try:
            await self._jetstream.stream_info(self._stream)
        except NotFoundError:
            return False
        except (NatsError, OSError) as error:
            raise LogUnavailable(f"the log does not answer: {error}") from error
        return True

    async def append(self, stored: StoredEntry, expected: Sequence) -> Sequence:
        """Add *stored* behind the message *expected*; the commit point.

        Raises:
            LogConflict: the log is longer than *expected*; the entry is not in it.
            LogUnavailable: the log has no leader; the entry is not in it.
            OutcomeUnknown: no answer came, also to the same message sent again.
        """
        self._require_connection()
        silent = 0
        deadline = asyncio.get_running_loop().time() + ELECTION_SECONDS
        while True:
            answer = await self._send(stored, expected)
            if isinstance(answer, int):
                if answer == expected + 1:
                    return Sequence(answer)
                raise LogConflict("the log answered for an entry elsewhere")
            if isinstance(answer, SequenceConflict):
                return await self._resolve_conflict(stored, expected, answer, silent)
            silent += isinstance(answer, TimeoutError)
            if silent > RESENDS or asyncio.get_running_loop().time() >= deadline:
                if silent:
                    raise OutcomeUnknown("the log did not answer an append") from answer
                raise LogUnavailable(f"the log has no leader: {answer}") from answer
            await asyncio.sleep(PAUSE_SECONDS)

    async def last(self) -> RawEntry | None:
        """The last message, by message get (which needs no consumer); None for an empty log.

        Raises:
            LogUnavailable: the log does not answer.
            LogMissing: it is not there.
        """
        return await self._read(None)

    async def get(self, sequence: Sequence) -> RawEntry | None:
        """The message at *sequence*; None when there is none.

        Raises:
            LogUnavailable: the log does not answer.
            LogMissing: it is not there.
        """
        return await self._read(sequence)

    async def read_from(self, sequence: Sequence) -> AsyncGenerator[RawEntry]:
        """Every message from *sequence* to the end, by message get.

        Raises:
            LogUnavailable: the log does not answer, or is not there.
        """
        last = await self.last()
        end = 0 if last is None else last.sequence
        for number in range(max(1, sequence), end + 1):
            raw = await self.get(Sequence(number))
            if raw is not None:
                yield raw

    async def follow(self, sequence: Sequence) -> AsyncGenerator[RawEntry]:
        """Every message from *sequence* on, in order, until cancelled.

        Raises:
            LogUnavailable: the log does not answer, or is not there; follow again.
        """
        self._require_connection()
        try:
            subscription = await self._jetstream.subscribe(
                self._subject,
                stream=self._stream,
                ordered_consumer=True,
                idle_heartbeat=IDLE_HEARTBEAT_SECONDS,
                config=ConsumerConfig(
                    deliver_policy=DeliverPolicy.BY_START_SEQUENCE,
                    opt_start_seq=max(1, sequence),
                ),
            )
        except (NatsError, OSError, TimeoutError) as error:
            raise LogUnavailable(f"the log cannot be followed: {error}") from error
        try:
            async for message in subscription.messages:
                yield RawEntry(sequence_of(message), message.data)
        except (NatsError, OSError) as error:
            raise LogUnavailable(f"the log cannot be followed: {error}") from error
        finally:
            try:
                await subscription.unsubscribe()
            except (NatsError, OSError) as error:
                self._log.debug("the subscription ended by itself: %s", error)

    def _require_connection(self) -> None:
        if not self._client.is_connected:
            raise LogUnavailable("there is no connection to NATS")

    async def _read(self, sequence: Sequence | None) -> RawEntry | None:
        self._require_connection()
        try:
            if sequence is None:
                raw = await self._jetstream.get_last_msg(self._stream, self._subject)
            else:
                raw = await self._jetstream.get_msg(self._stream, sequence)
        except NotFoundError as error:
            if is_missing_message(error):
                return None
            raise LogMissing(f"the log {self._stream} is not there") from error
        except (NatsError, OSError, TimeoutError) as error:
            raise LogUnavailable(f"the log does not answer: {error}") from error
        return RawEntry(Sequence(raw.seq or 0), raw.data or b"")

    async def _send(self, stored: StoredEntry, expected: Sequence) -> int | Exception:
        """The acknowledged sequence of one try, or what came instead; TimeoutError is silence."""
        try:
            ack = await publish_if_last(
                self._jetstream,
                Target(self._stream, self._subject),
                stored.encode(),
                Expectation.in_stream(expected),
                {MESSAGE_ID: stored.hash},
            )
        except (NatsTimeoutError, TimeoutError):
            return TimeoutError("no answer in time")
        except (NatsError, OSError) as error:
            return error
        return ack.seq

    async def _resolve_conflict(
        self, stored: StoredEntry, expected: Sequence, refusal: SequenceConflict, silent: int
    ) -> Sequence:
        """Find out what became of a refused append, after *silent* attempts without an answer.

        Refused at once, it is not in the log. After a silent attempt only the message at that
        sequence decides: it is ours, another's, or not there yet, and then ours may come late.
        """
        raw = await self.get(Sequence(expected + 1)) if silent else None
        if raw is not None and raw.data == stored.encode():
            return raw.sequence
        if silent and raw is None:
            raise OutcomeUnknown("the log refused an append that may come late") from refusal
        raise LogConflict("the log was extended by somebody else") from refusal
