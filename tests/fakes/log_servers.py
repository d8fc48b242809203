"""The log as its servers hold it: its generations, each in order and by compare-and-set.

Like the real ones they look for duplicates before they look at sequences. A server that was deposed
may still remember an append that never came into the log, and answer "ok, duplicate" to it.

There is one place that servers are at: a server that an operator started alone is what they all
are then, and whoever lives reaches it.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from typing import Final

from nats.js.errors import APIError, NotFoundError

from shared.domain.ids import LogGeneration, Sequence
from shared.messaging.compare_and_set import SequenceConflict
from shared.messaging.jetstream import ErrorCode

NO_SPACE: Final = 10047
NO_STREAM: Final = 10059
ELSEWHERE: Final = 0
"""The sequence that an answer marked duplicate names for what never got one in the log."""

OnMessage = Callable[[Sequence, bytes], None]


@dataclass(eq=False)
class Stream:
    """One generation's messages; *remembered* are the ids of those that were appended."""

    listeners: list[OnMessage] = field(default_factory=list[OnMessage])
    messages: list[bytes] = field(default_factory=list[bytes])
    discarded: set[int] = field(default_factory=set[int])
    """The sequences whose messages are not there any more."""

    remembered: dict[str, int] = field(default_factory=dict[str, int])
    stale_end: int | None = None
    """Where it ends for whoever asks a deposed leader, while there is one."""

    def put(self, message: bytes) -> None:
        """Add *message* behind the last, whoever it is of."""
        self.messages.append(message)
        for listener in tuple(self.listeners):
            listener(Sequence(len(self.messages)), message)

    def wipe(self) -> None:
        """Whoever comes finds it empty."""
        self.messages.clear()
        self.remembered.clear()

    def look(self, sequence: Sequence | None, *, is_stale: bool) -> tuple[int, bytes] | Exception:
        """The message at *sequence*, or the last; as a deposed leader has it when *is_stale*."""
        end = len(self.messages)
        if is_stale and self.stale_end is not None:
            end = min(end, self.stale_end)
        number = end if sequence is None else sequence
        if not 0 < number <= end or number in self.discarded:
            return NotFoundError(code=404, err_code=ErrorCode.NO_MESSAGE)
        return number, self.messages[number - 1]


def _ignore(generation: LogGeneration, sequence: Sequence, message: bytes) -> None:
    """Nobody is called with what comes."""


@dataclass
class LogServers:
    """The generations that have a stream; *is_down* while they have no leader.

    *is_full* while the disk is; *is_alone* while there is one server, in no cluster;
    *on_message* is called with every message that comes into a generation.
    """

    on_message: Callable[[LogGeneration, Sequence, bytes], None] = _ignore
    streams: dict[LogGeneration, Stream] = field(default_factory=dict[LogGeneration, Stream])
    is_down: bool = False
    is_full: bool = False
    is_alone: bool = False
    loses: int = 0
    """So many appends to come are remembered by a server and never come into the log."""

    @property
    def newest(self) -> Stream | None:
        """The stream of the last generation; None after the loss of all."""
        return self.streams[max(self.streams)] if self.streams else None

    @property
    def messages(self) -> list[bytes]:
        """Those of the last generation."""
        return [] if self.newest is None else self.newest.messages

    def later(self, generation: LogGeneration) -> tuple[LogGeneration, ...]:
        """The generations after that one, the last one first."""
        return tuple(sorted((each for each in self.streams if each > generation), reverse=True))

    def create(self, generation: LogGeneration) -> Stream:
        """Make a generation's stream, where there is none."""
        if generation not in self.streams:
            self.streams[generation] = Stream([partial(self.on_message, generation)])
        return self.streams[generation]

    def lose(self) -> None:
        """Every server loses its files."""
        self.streams.clear()

    def append(
        self, generation: LogGeneration, message: bytes, expected: int, message_id: str
    ) -> int | Exception:
        """The acknowledged sequence, or the server's refusal."""
        stream = self.streams.get(generation)
        if stream is None:
            return NotFoundError(code=404, err_code=NO_STREAM)
        known = stream.remembered.get(message_id)
        if known is not None:
            return known
        if self.loses:
            self.loses -= 1
            stream.remembered[message_id] = ELSEWHERE
            return TimeoutError("no answer in time")
        if expected != len(stream.messages):
            return SequenceConflict("wrong last sequence")
        if self.is_full:
            return APIError(code=503, err_code=NO_SPACE)
        stream.remembered[message_id] = expected + 1
        stream.put(message)
        return expected + 1

    def look(
        self, generation: LogGeneration, sequence: Sequence | None, *, is_stale: bool
    ) -> tuple[int, bytes] | Exception:
        """A generation's message at *sequence*, or its last, as `Stream.look`."""
        stream = self.streams.get(generation)
        if stream is None:
            return NotFoundError(code=404, err_code=NO_STREAM)
        return stream.look(sequence, is_stale=is_stale)
