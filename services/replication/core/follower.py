"""A follower's judgement of what it reads.

Of messages read without a gap, one that is not validly signed, or does not follow the last valid
entry, is skipped by every follower alike: all read the same messages and judge by the same rule,
so all come to the same history. A gap in the stream's sequence is not judged but fetched. A
follower whose own position is not on the log's chain stops: it would carry on another history.
"""

from dataclasses import dataclass

from shared.domain.ids import Instant, Sequence
from shared.domain.log import LogEntry, Marker, StoredEntry, follows

LOG_LOST_SECONDS = 20.0
"""A deposed leader answers for 10 s at most; a log that is short for longer is lost."""


@dataclass(frozen=True, slots=True)
class Apply:
    """It is the next entry."""

    stored: StoredEntry
    entry: LogEntry


@dataclass(frozen=True, slots=True)
class Skip:
    """It is no entry of this history; every follower skips it."""

    reason: str


@dataclass(frozen=True, slots=True)
class Fetch:
    """Messages from *sequence* on were missed; read them first."""

    sequence: Sequence


@dataclass(frozen=True, slots=True)
class Known:
    """It was read before."""


Verdict = Apply | Skip | Fetch | Known


class Follower:
    """One copy's place in the log: the last entry applied, and the last message read."""

    def __init__(self, marker: Marker) -> None:
        self.marker = marker
        self.read_to = marker.sequence

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
            return Skip(f"no known master signed it ({stored.signer})")
        entry = LogEntry.decode(stored.body)
        why = follows(self.marker, entry)
        return Apply(stored, entry) if why is None else Skip(why)

    def passed(self, sequence: Sequence) -> None:
        """The message at *sequence* was dealt with."""
        assert sequence == self.read_to + 1, "messages are read without a gap"
        self.read_to = sequence

    def applied(self, marker: Marker) -> None:
        """The copy is at *marker* now."""
        assert marker.revision >= self.marker.revision, "a copy does not go back"
        self.marker = marker


@dataclass
class ChainCheck:
    """Whether the own position is on the log's chain; a short log must be short for a while."""

    missing_since: Instant | None = None

    def found(self, marker: Marker, hash_there: str | None, now: Instant) -> str:
        """`following`, `diverged`, `log_lost`, or `unsure` while a short log may yet prove whole.

        *hash_there* is the hash of the entry at the marker's sequence; None when it is missing.
        """
        if marker.revision == 0 or hash_there == marker.hash:
            self.missing_since = None
            return "following"
        if hash_there is not None:
            return "diverged"
        if self.missing_since is None:
            self.missing_since = now
        return "log_lost" if now - self.missing_since >= LOG_LOST_SECONDS else "unsure"
