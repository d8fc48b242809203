"""Decides whether a message of the log is the next entry of a replica.

Every follower reads the same messages without a gap and applies the same rule, so all come to the
same history: a message that is not validly signed, or that does not follow the last valid entry,
is skipped. When the stream's sequence has a gap, the missing messages are fetched first. A follower
whose own position is not on the log's hash chain stops, because it would continue another history.
"""

from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from shared.decoding.errors import Undecodable
from shared.domain.ids import Instant, LogGeneration, Sequence
from shared.domain.log import LogEntry, LogPosition, StoredEntry, follows

LOG_LOST_SECONDS: Final = 20.0
"""A deposed leader answers for 10 s at most; a log that lacks an entry for longer has lost it."""

SILENT_READINGS: Final = 2
"""The subscription is silent when so many reads in a row find messages that it did not bring."""


@dataclass(frozen=True, slots=True)
class Apply:
    """The verdict on the next entry: apply it."""

    stored: StoredEntry
    entry: LogEntry


@dataclass(frozen=True, slots=True)
class Skip:
    """The verdict on no entry of this history: every follower skips it; *signer* is named in it."""

    reason: str
    signer: str = "unknown"


@dataclass(frozen=True, slots=True)
class Fetch:
    """The verdict on a gap: messages from *sequence* on were missed; read them first."""

    sequence: Sequence


@dataclass(frozen=True, slots=True)
class Known:
    """The verdict on a message that was read before."""


Verdict = Apply | Skip | Fetch | Known


class Follower:
    """The progress of one follower: *position* is the last entry applied, *read_to* the last read.

    *generation* is that of the log that is read. The messages of each generation begin with 1, so
    a follower that enters a later generation has read nothing of it yet.
    """

    def __init__(self, position: LogPosition, generation: LogGeneration | None = None) -> None:
        self.position = position
        self.generation = generation or position.log_generation
        is_new = self.generation != position.log_generation
        self.read_to = Sequence(0) if is_new else position.sequence

    def judge(self, sequence: Sequence, stored: StoredEntry | None, *, proven: bool) -> Verdict:
        """Decide what to do with the message at *sequence*.

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
        """Say why *entry* is not the next one; None when it is."""
        if entry.log_generation != self.generation:
            return f"log generation {entry.log_generation}, not {self.generation}"
        return follows(self.position, entry)

    def record_applied(self, position: LogPosition) -> None:
        """Record that the replica has every entry up to *position*."""
        assert position.revision >= self.position.revision, "a replica does not go back"
        self.position = position

    def record_read(self, sequence: Sequence) -> None:
        """Record that the message at *sequence* was applied or skipped."""
        assert sequence == self.read_to + 1, "messages are read without a gap"
        is_entered = self.position.log_generation == self.generation
        is_behind = not is_entered or self.position.sequence <= sequence
        assert is_behind, "nothing is applied before it is read"
        self.read_to = sequence


class Standing(StrEnum):
    """The standing of the replica's position towards the log's hash chain."""

    FOLLOWING = "following"
    UNSURE = "unsure"
    DIVERGED = "diverged"
    LOG_LOST = "log_lost"


@dataclass
class ChainCheck:
    """Decides whether a position is on the log's chain; a missing entry is lost after a while."""

    missing_since: Instant | None = None

    def check(self, position: LogPosition, hash_there: str | None, now: Instant) -> Standing:
        """Give the standing of *position*; UNSURE while a log without its entry may prove whole.

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
    """Decides whether a subscription has fallen silent, by what reads beside it find."""

    late: int = 0

    def record_message(self) -> None:
        """Record that the subscription brought a message."""
        self.late = 0

    def read(self, news: int) -> bool:
        """Record that a read found *news* messages; say whether to subscribe again."""
        self.late = self.late + 1 if news else 0
        if self.late < SILENT_READINGS:
            return False
        self.late = 0
        return True
