"""Shows the entries of the log as people read them: who changed what, newest first.

A line is what one request changed in one entry; it names the documents and never shows a body, so
no secret can stand in it. One question searches a bounded number of entries and says where to go
on, however few of them match.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Final

from shared.domain.history import HistoryLine, NamedChange
from shared.domain.log import Change, LogEntry, LogPlace
from shared.events.config import ReadHistory

ENTRIES_SEARCHED: Final = 2_000
"""Most entries that one question searches."""

NAMES_LISTED: Final = 10
"""Most documents that one line names; `count` says how many it changed."""


@dataclass(frozen=True, slots=True)
class Lines:
    """The lines that match, and where to go on; None when nothing older can match."""

    lines: tuple[HistoryLine, ...]
    next: LogPlace | None


class Search:
    """The search for one question, back through the log: give it entries until it `is_done`."""

    def __init__(self, question: ReadHistory) -> None:
        self._question = question
        self._lines: list[HistoryLine] = []
        self._seen = 0
        self._last: LogPlace | None = None
        self._is_over = False

    @property
    def is_done(self) -> bool:
        return self._is_over or self._is_full or self._seen >= ENTRIES_SEARCHED

    @property
    def _is_full(self) -> bool:
        return len(self._lines) >= self._question.limit

    def add(self, entries: Iterable[LogEntry]) -> LogPlace | None:
        """Search *entries*, newest first; return where the next older ones are."""
        for entry in entries:
            if self.is_done:
                break
            if entry.at < self._question.since_unix_ms:
                self._is_over = True
                break
            self._seen += 1
            self._last = LogPlace(entry.log_generation, entry.revision)
            self._lines += self._lines_of(entry)
        return self._last

    def lines(self, *, is_end: bool) -> Lines:
        """Return what the search found; *is_end* says that the log has no older entry."""
        over = self._is_over or (is_end and not self.is_done)
        return Lines(tuple(self._lines), None if over else self._last)

    def _lines_of(self, entry: LogEntry) -> Iterator[HistoryLine]:
        requests: dict[tuple[str, str], list[Change]] = {}
        for change in entry.changes:
            if self._matches(change):
                requests.setdefault((change.request_id, change.author), []).append(change)
        for (_, author), changes in requests.items():
            yield HistoryLine(
                log_generation=entry.log_generation,
                revision=entry.revision,
                epoch=entry.epoch,
                at_unix_ms=entry.at,
                author=author,
                count=len(changes),
                changes=tuple(
                    NamedChange(op=change.op.value, kind=change.kind, id=change.id)
                    for change in changes[:NAMES_LISTED]
                ),
            )

    def _matches(self, change: Change) -> bool:
        question = self._question
        return question.kind in {None, change.kind} and question.author in {None, change.author}
