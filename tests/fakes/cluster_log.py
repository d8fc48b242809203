"""The cluster log in memory: the same verbs and errors as the real one, with faults.

`faults` is called for each append and returns its fault; a *late* one lands when its time has
come, if nobody else was faster, which is how a message behaves that a server still holds.
"""

import asyncio
from collections.abc import AsyncGenerator, Callable
from dataclasses import dataclass, field, replace
from enum import Enum, auto

from shared.clusterlog.log import LogConflict, LogMissing, RawEntry
from shared.domain.errors import LogUnavailable, OutcomeUnknown
from shared.domain.ids import LogGeneration, Sequence
from shared.domain.log import StoredEntry
from tests.fakes.virtual_time import pause


class AppendFault(Enum):
    """How an append fails, or does not."""

    FINE = auto()
    SLOW = auto()
    ANSWER_LOST = auto()
    LOST = auto()
    LATE = auto()
    NO_LEADER = auto()


SLOW_SECONDS = 0.7
SILENT_SECONDS = 8.0
LATE_SECONDS = 9.0


@dataclass
class Messages:
    """What the servers hold of one generation: every master's log is one of these.

    *site* has every generation that is there; one that is lost, or was never made, is not in it.
    """

    stored: list[bytes] = field(default_factory=list[bytes])
    generation: LogGeneration = LogGeneration(1)
    site: "dict[LogGeneration, Messages]" = field(
        default_factory=dict[LogGeneration, "Messages"], repr=False, compare=False
    )
    is_lost: bool = False

    def __post_init__(self) -> None:
        if not self.is_lost:
            self.site[self.generation] = self

    def lose(self) -> None:
        """The files of this generation are gone."""
        self.is_lost = True
        self.site.pop(self.generation, None)

    def of(self, generation: LogGeneration) -> "Messages":
        lost = Messages([], generation, self.site, is_lost=True)
        return self.site.get(generation, lost)

    def extend(self, message: bytes, expected: Sequence) -> Sequence | None:
        """The sequence of *message* behind *expected*; None when another one is there."""
        if message in self.stored[expected : expected + 1]:
            return Sequence(expected + 1)
        if expected != len(self.stored):
            return None
        self.stored.append(message)
        return Sequence(len(self.stored))


@dataclass
class MemoryLog:
    """One master's view of the log."""

    messages: Messages = field(default_factory=Messages)
    faults: Callable[[], AppendFault] = lambda: AppendFault.FINE
    is_reachable: bool = True
    stale_by: int = 0
    appends: int = 0

    @property
    def generation(self) -> LogGeneration:
        return self.messages.generation

    def of(self, generation: LogGeneration) -> "MemoryLog":
        return replace(self, messages=self.messages.of(generation))

    async def later(self) -> tuple[LogGeneration, ...]:
        self._require_connection(lost=True)
        return tuple(sorted((g for g in self.messages.site if g > self.generation), reverse=True))

    async def append(self, stored: StoredEntry, expected: Sequence) -> Sequence:
        self._require_connection()
        self.appends += 1
        message, fault = stored.encode(), self.faults()
        match fault:
            case AppendFault.NO_LEADER:
                raise LogUnavailable("the log has no leader")
            case AppendFault.LOST | AppendFault.LATE:
                if fault is AppendFault.LATE:
                    loop = asyncio.get_running_loop()
                    loop.call_later(LATE_SECONDS, self.messages.extend, message, expected)
                await pause(SILENT_SECONDS)
                raise OutcomeUnknown("the log did not answer an append")
            case AppendFault.SLOW:
                await pause(SLOW_SECONDS)
            case AppendFault.FINE | AppendFault.ANSWER_LOST:
                await asyncio.sleep(0)
        sequence = self.messages.extend(message, expected)
        if fault is AppendFault.ANSWER_LOST:
            raise OutcomeUnknown("the log did not answer an append")
        if sequence is None:
            raise LogConflict("the log was extended by somebody else")
        return sequence

    async def get(self, sequence: Sequence) -> RawEntry | None:
        self._require_connection()
        await asyncio.sleep(0)
        if not 0 < sequence <= len(self.messages.stored):
            return None
        return RawEntry(sequence, self.messages.stored[sequence - 1])

    async def read_from(self, sequence: Sequence) -> AsyncGenerator[RawEntry]:
        """To the end, or to where a server sees it that is behind."""
        self._require_connection()
        for number in range(max(1, sequence), len(self.messages.stored) - self.stale_by + 1):
            raw = await self.get(Sequence(number))
            if raw is not None:
                yield raw

    def _require_connection(self, *, lost: bool = False) -> None:
        """Raise unless the log answers; *lost* means that its own loss is no matter."""
        if not self.is_reachable:
            raise LogUnavailable("there is no connection to NATS")
        if self.messages.is_lost and not lost:
            raise LogMissing(f"the log LOG-{self.generation} is not there")
