"""Decides whether a copy of the log is one chain: each entry whole, signed, and behind the last.

A database holds nothing but entries of the chain, so one that does not follow is a fault. The log
may hold a message that every follower skips (the last one of a deposed master): it is counted, and
it is no fault. A copy that began with a snapshot begins where the snapshot ended. Copies are
verified in parts, so that no answer waits for a long log; a part begins where the last one ended.
"""

from collections.abc import Callable

from shared.decoding.errors import Undecodable
from shared.domain.ids import Sequence
from shared.domain.log import LogEntry, LogPosition, StoredEntry, follows

Verify = Callable[[StoredEntry], bool]
"""Whether a known master signed an entry."""


class Chain:
    """The part of a verification that begins after *end*."""

    def __init__(self, end: LogPosition | None, verify: Verify, *, may_skip: bool) -> None:
        self.entries = 0
        self.skipped = 0
        self.fault = ""
        self._end = end
        self._verify = verify
        self._may_skip = may_skip

    @property
    def end(self) -> LogPosition | None:
        """Return the last entry of the chain; None before the first."""
        return self._end

    def add(self, message: bytes, sequence: Sequence) -> bool:
        """Check the next message, read at *sequence*; False after a fault."""
        why = self._refusal(message, sequence)
        if why is None:
            self.entries += 1
        elif self._may_skip:
            self.skipped += 1
        else:
            self.fault = f"after revision {self._end.revision if self._end else 0}: {why}"
        return not self.fault

    def _refusal(self, message: bytes, sequence: Sequence) -> str | None:
        """Say why *message* is not the next entry; when it is, make it the end and return None."""
        try:
            stored = StoredEntry.decode(message)
            entry = LogEntry.decode(stored.body)
        except Undecodable as error:
            return str(error)
        if not self._verify(stored):
            return f"the entry of revision {entry.revision} is not signed by a known master"
        if self._end is not None and (why := follows(self._end, entry)) is not None:
            return why
        self._end = LogPosition.of(entry, stored.hash, sequence)
        return None
