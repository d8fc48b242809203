"""A follower's judgement of what it reads.

Of messages read without a gap, one that is not validly signed, or does not follow the last valid
entry, is skipped by every follower alike: all read the same messages and judge by the same rule,
so all come to the same history. A gap in the stream's sequence is not judged but fetched. A
follower whose own position is not on the log's chain stops: it would carry on another history.
"""

from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from shared.decoding.errors import Undecodable
from shared.domain.ids import Instant, LogGeneration, Sequence
from shared.domain.log import LogEntry, LogPosition, StoredEntry, follows

LOG_LOST_SECONDS: Final = 20.0
"""A deposed leader answers for 10 s at most; a log that is short for longer is lost."""

SILENT_READINGS: Final = 2
"""So many readings in a row must find what the subscription did not bring; one may cross it."""


@dataclass(frozen=True, slots=True)
class Apply:
    """It is the next entry."""

    stored: StoredEntry
    entry: LogEntry


@dataclass(frozen=True, slots=True)
class Skip:
    """It is no entry of this history; every follower skips it. *signer* is who it claims."""

    reason: str
    signer: str = "unknown"


@dataclass(frozen=True, slots=True)
class Fetch:
    """Messages from *sequence* on were missed; read them first."""

    sequence: Sequence


@dataclass(frozen=True, slots=True)
class Known:
    """It was read before."""


Verdict = Apply | Skip | Fetch | Known


class Follower:
    """One copy's place in the log: the last entry applied, and the last message read.

    *generation* is that of the log that is read. Each begins with message 1, so a copy that comes
    into a later one has read nothing of it yet.
    """

    def __init__(self, position: LogPosition, generation: LogGeneration | None = None) -> None:
        self.position = position
        self.generation = generation or position.log_generation
        is_new = self.generation != position.log_generation
        self.read_to = Sequence(0) if is_new else position.sequence

    def judge(self, sequence: Sequence, stored: StoredEntry | None, *, proven: bool) -> Verdict:
        """What to do with the message at *sequence*.

        *stored* is None when the message is no entry at all; *proven* says that a known master
        signed it.
        """
        if sequence <= self.read_to:
            return Known()
        if sequence != self.read_to + 1:
            return Fetch(Sequence(self.read_to + 1))
        if stored is None:
            return Skip("it is no log entry")
        if not proven:
            return Skip("no known master signed it", stored.signer)
        try:
            entry = LogEntry.decode(stored.body)
        except Undecodable as error:
            return Skip(str(error), stored.signer)
        why = self._refusal(entry)
        return Apply(stored, entry) if why is None else Skip(why, stored.signer)

    def _refusal(self, entry: LogEntry) -> str | None:
        """Why *entry* is not the next one; what another generation's log says is none of it."""
        if entry.log_generation != self.generation:
            return f"log generation {entry.log_generation}, not {self.generation}"
        return follows(self.position, entry)

    def applied(self, position: LogPosition) -> None:
        """The copy is at *position* now, by what was read; on the primary it may be further."""
        assert position.revision >= self.position.revision, "a copy does not go back"
        self.position = position

    def passed(self, sequence: Sequence) -> None:
        """The message at *sequence* was dealt with."""
        assert sequence == self.read_to + 1, "messages are read without a gap"
        is_entered = self.position.log_generation == self.generation
        is_behind = not is_entered or self.position.sequence <= sequence
        assert is_behind, "nothing is applied before it is read"
        self.read_to = sequence


class Standing(StrEnum):
    """The own position, seen from the log."""

    FOLLOWING = "following"
    UNSURE = "unsure"
    DIVERGED = "diverged"
    LOG_LOST = "log_lost"


@dataclass
class ChainCheck:
    """Whether the own position is on the log's chain; a short log must be short for a while."""

    missing_since: Instant | None = None

    def found(self, position: LogPosition, hash_there: str | None, now: Instant) -> Standing:
        """Where *position* stands; unsure while a log without it may yet prove whole.

        *hash_there* is the hash of the entry at the position's sequence; None when it is missing.
        """
        if hash_there is not None or position.revision == 0:
            self.missing_since = None
            on_chain = position.revision == 0 or hash_there == position.hash
            return Standing.FOLLOWING if on_chain else Standing.DIVERGED
        if self.missing_since is None:
            self.missing_since = now
        is_lost = now - self.missing_since >= LOG_LOST_SECONDS
        return Standing.LOG_LOST if is_lost else Standing.UNSURE


@dataclass
class SilenceCheck:
    """Whether the subscription still brings what readings by message get find."""

    late: int = 0

    def brought(self) -> None:
        """The subscription brought a message."""
        self.late = 0

    def read(self, news: int) -> bool:
        """A reading found *news* messages; whether the subscription has to be made anew."""
        self.late = self.late + 1 if news else 0
        if self.late < SILENT_READINGS:
            return False
        self.late = 0
        return True
