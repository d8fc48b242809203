"""Reads the history of changes from this master's copy of the log."""

from typing import Final, Protocol

from services.config.core.history import Search
from shared.domain.log import LogEntry, LogPlace, StoredEntry
from shared.events.config import HistoryRead, ReadHistory

AT_A_TIME: Final = 100


class Entries(Protocol):
    """The entries of the log that this master keeps."""

    async def entries(self, before: LogPlace | None, limit: int) -> tuple[bytes, ...]: ...


async def read_history(entries: Entries, question: ReadHistory) -> HistoryRead:
    """Read what *question* asks for, from the newest entry or from before the one it names."""
    search, before, is_end = Search(question), question.before, False
    while not search.is_done and not is_end:
        messages = await entries.entries(before, AT_A_TIME)
        is_end = len(messages) < AT_A_TIME
        before = search.add(LogEntry.decode(StoredEntry.decode(each).body) for each in messages)
    found = search.lines(is_end=is_end)
    return HistoryRead(lines=found.lines, next=found.next)
