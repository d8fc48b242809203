"""The cluster log in memory: the real adapter's verbs, rules and errors over `LogServers`.

`faults` is called for each append and returns its fault; a *late* one lands when its time has
come, if nobody else was faster, which is how a message behaves that a server still holds.
"""

import asyncio
import copy
from collections.abc import AsyncGenerator, Callable
from enum import Enum, auto

from nats.aio.client import Client
from nats.js.errors import NotFoundError

from shared.clusterlog.log import ClusterLog, LogConflict, LogMissing, RawEntry
from shared.domain.errors import LogUnavailable, OutcomeUnknown
from shared.domain.ids import LogGeneration, Sequence
from shared.domain.log import StoredEntry
from shared.messaging.compare_and_set import SequenceConflict, is_missing_message
from tests.fakes.log_servers import LogServers, Stream
from tests.fakes.virtual_time import pause


class AppendFault(Enum):
    """How an append fails, or does not."""

    FINE = auto()
    SLOW = auto()
    ANSWER_LOST = auto()
    LOST = auto()
    LATE = auto()
    NO_LEADER = auto()


FIRST_GENERATION = LogGeneration(1)
SLOW_SECONDS = 0.7
SILENT_SECONDS = 8.0
LATE_SECONDS = 9.0


class MemoryLog(ClusterLog):
    """One process's view of a generation; views of one site share its servers."""

    def __init__(
        self, servers: LogServers | None = None, generation: LogGeneration = FIRST_GENERATION
    ) -> None:
        super().__init__(Client(), generation)
        if servers is None:
            servers = LogServers()
            servers.create(generation)
        self.servers = servers
        self.faults: Callable[[], AppendFault] = lambda: AppendFault.FINE
        self.is_reachable = True
        self.is_silent = False
        """Subscriptions bring nothing."""

        self.stale_by = 0
        """The last so many messages are not there for a reader: its server is behind."""

        self.appends = self.reads = 0
        self.subscriptions: list[Sequence] = []

    @property
    def messages(self) -> list[bytes]:
        """What this generation holds, to be read or changed behind the log's back."""
        return self._generation_stream().messages

    @messages.setter
    def messages(self, messages: list[bytes]) -> None:
        self._generation_stream().messages = messages

    def put(self, message: bytes) -> None:
        """Add *message* behind the last, without asking who wrote it."""
        self._generation_stream().put(message)

    def discard(self, *sequences: int) -> None:
        """Take messages away, as a stream with a limit does."""
        self._generation_stream().discarded.update(sequences)

    def of(self, generation: LogGeneration) -> "MemoryLog":
        other = copy.copy(self)
        other.generation = generation
        return other

    def begin(self, generation: LogGeneration) -> "MemoryLog":
        """Make another generation's stream; its log."""
        self.servers.create(generation)
        return self.of(generation)

    def lose(self) -> None:
        """Lose the files of this generation."""
        self.servers.streams.pop(self.generation, None)

    async def later(self) -> tuple[LogGeneration, ...]:
        self._require_connection()
        return self.servers.later(self.generation)

    async def exists(self) -> bool:
        self._require_connection()
        return self.generation in self.servers.streams

    async def create(self, replicas: int) -> None:
        del replicas
        if await self.exists():
            raise LogConflict(f"the log LOG-{self.generation} is there already")
        self.servers.create(self.generation)

    async def append(self, stored: StoredEntry, expected: Sequence) -> Sequence:
        self._require_connection()
        self._generation_stream()
        self.appends += 1
        message, fault = stored.encode(), self.faults()
        words = self.generation, message, expected, stored.hash
        match fault:
            case AppendFault.NO_LEADER:
                raise LogUnavailable("the log has no leader")
            case AppendFault.LOST | AppendFault.LATE:
                if fault is AppendFault.LATE:
                    loop = asyncio.get_running_loop()
                    loop.call_later(LATE_SECONDS, self.servers.append, *words)
                await pause(SILENT_SECONDS)
                raise OutcomeUnknown("the log did not answer an append")
            case AppendFault.SLOW:
                await pause(SLOW_SECONDS)
            case AppendFault.FINE | AppendFault.ANSWER_LOST:
                await asyncio.sleep(0)
        answer = self.servers.append(*words)
        if fault is AppendFault.ANSWER_LOST:
            raise OutcomeUnknown("the log did not answer an append")
        return _sequence(answer, expected)

    async def follow(self, sequence: Sequence) -> AsyncGenerator[RawEntry]:
        self._require_connection()
        self.subscriptions.append(sequence)
        stream, came = self._generation_stream(), asyncio.Event()

        def wake(_sequence: Sequence, _message: bytes) -> None:
            came.set()

        stream.listeners.append(wake)
        number = max(1, sequence)
        try:
            while True:
                came.clear()
                while number <= len(stream.messages) and not self.is_silent:
                    if number not in stream.discarded:
                        yield RawEntry(Sequence(number), stream.messages[number - 1])
                    number += 1
                await came.wait()
        finally:
            stream.listeners.remove(wake)

    def _generation_stream(self) -> Stream:
        stream = self.servers.streams.get(self.generation)
        if stream is None:
            raise LogMissing(f"the log LOG-{self.generation} is not there")
        return stream

    def _require_connection(self) -> None:
        if not self.is_reachable:
            raise LogUnavailable("there is no connection to NATS")

    async def _read(self, sequence: Sequence | None) -> RawEntry | None:
        self._require_connection()
        await asyncio.sleep(0)
        self.reads += sequence is not None
        stream = self._generation_stream()
        if sequence is None and self.stale_by:
            sequence = Sequence(max(0, len(stream.messages) - self.stale_by))
        found = stream.look(sequence, is_stale=False)
        if isinstance(found, NotFoundError):
            assert is_missing_message(found), "the stream is there"
            return None
        assert not isinstance(found, Exception), "the servers answer"
        return RawEntry(Sequence(found[0]), found[1])


def _sequence(answer: int | Exception, expected: Sequence) -> Sequence:
    """What an append returns for the servers' answer.

    Raises:
        LogConflict: somebody else extended the log, or it holds the entry elsewhere.
        LogUnavailable: the servers did not store it.
    """
    if answer == expected + 1:
        return Sequence(expected + 1)
    if isinstance(answer, int):
        raise LogConflict("the log answered for an entry elsewhere")
    if isinstance(answer, SequenceConflict):
        raise LogConflict("the log was extended by somebody else")
    raise LogUnavailable(f"the log did not store it: {answer}")


class MemoryLink:
    """A connection to the log that works as long as *log* can be reached."""

    def __init__(self, log: MemoryLog) -> None:
        self._log = log

    async def check_link(self, seconds: float) -> None:
        del seconds
        if not self._log.is_reachable:
            raise LogUnavailable("there is no connection to NATS")
