from collections.abc import Sequence
from typing import Any

from services.config.core.history import ENTRIES_SEARCHED, NAMES_LISTED
from services.config.read.history import AT_A_TIME, read_history
from shared.domain.ids import Epoch, LogGeneration, NodeId, RequestId, Revision, UnixMillis
from shared.domain.log import EMPTY_HASH, Change, LogEntry, Op, StoredEntry, entry_hash
from shared.events.config import HistoryRead, ReadHistory

SECRET = "the sealed password of rita"


def change(kind: str, id_: str, author: str = "admin", request: str = "r", **more: Any) -> Change:
    body = {"password_hash": SECRET, **more}
    return Change(kind, id_, Op.PUT, body, author, RequestId(request), "digest")


def entry(revision: int, *changes: Change, generation: int = 1) -> LogEntry:
    return LogEntry(
        LogGeneration(generation),
        Revision(revision),
        Epoch(3),
        changes,
        UnixMillis(revision * 1_000),
        EMPTY_HASH,
    )


class Kept:
    """A master's copy of the log."""

    def __init__(self, entries: Sequence[LogEntry]) -> None:
        self._entries = sorted(entries, key=_place, reverse=True)
        self.reads = 0

    async def entries(self, before: tuple[int, int] | None, limit: int) -> tuple[bytes, ...]:
        self.reads += 1
        older = [each for each in self._entries if before is None or _place(each) < before]
        bodies = [each.encode() for each in older[:limit]]
        return tuple(
            StoredEntry(body, entry_hash(body), NodeId("alpha"), b"").encode() for body in bodies
        )


def _place(each: LogEntry) -> tuple[int, int]:
    return each.log_generation, each.revision


async def read(entries: Sequence[LogEntry], **asked: Any) -> HistoryRead:
    return await read_history(Kept(entries), ReadHistory(**asked))


def revisions(found: HistoryRead) -> list[int]:
    return [line.revision for line in found.lines]


THREE = [
    entry(1, change("site", "site"), change("user", "admin")),
    entry(2, change("node", "berlin", "anna"), change("node", "denver", "anna")),
    entry(3, change("node", "berlin", "admin", "a"), change("user", "rita", "anna", "b")),
]


async def test_a_line_says_who_changed_what_and_when() -> None:
    found = await read(THREE, before=(1, 3), limit=1)

    (line,) = found.lines
    assert (line.log_generation, line.revision, line.epoch) == (1, 2, 3)
    assert (line.at_unix_ms, line.author, line.count) == (2_000, "anna", 2)
    assert [(each.op, each.kind, each.id) for each in line.changes] == [
        ("put", "node", "berlin"),
        ("put", "node", "denver"),
    ]


async def test_the_newest_comes_first_and_each_request_of_an_entry_has_its_line() -> None:
    found = await read(THREE)

    assert [(line.revision, line.author) for line in found.lines] == [
        *((3, "admin"), (3, "anna"), (2, "anna"), (1, "admin")),
    ]
    assert found.next is None


async def test_no_body_is_ever_shown() -> None:
    assert SECRET not in (await read(THREE)).model_dump_json()


async def test_changes_of_others_are_left_out_when_asked() -> None:
    assert revisions(await read(THREE, author="anna")) == [3, 2]
    assert revisions(await read(THREE, kind="user")) == [3, 1]
    assert revisions(await read(THREE, kind="node", author="admin")) == [3]
    assert revisions(await read(THREE, author="nobody")) == []
    (line,) = (await read(THREE, kind="site")).lines
    assert line.count == 1


async def test_nothing_older_than_asked_is_reported_nor_looked_for() -> None:
    found = await read(THREE, since_unix_ms=2_000)

    assert revisions(found) == [3, 3, 2]
    assert found.next is None


async def test_an_entry_of_many_changes_names_the_first_and_counts_all() -> None:
    many = entry(1, *(change("node", f"n{number:03}") for number in range(400)))

    (line,) = (await read([many])).lines

    assert line.count == 400
    assert len(line.changes) == NAMES_LISTED


async def test_a_question_about_little_looks_at_a_bounded_part_and_says_where_to_go_on() -> None:
    entries = [entry(number, change("node", "x")) for number in range(1, ENTRIES_SEARCHED + 150)]
    kept = Kept(entries)

    found = await read_history(kept, ReadHistory(author="nobody"))

    assert found.lines == ()
    assert found.next == (1, 150)
    assert kept.reads == ENTRIES_SEARCHED // AT_A_TIME


async def test_older_generations_of_the_log_follow_the_newer_one() -> None:
    entries = [
        entry(5, change("node", "old")),
        entry(1, change("node", "new"), generation=2),
    ]

    found = await read(entries, limit=1)
    assert [(line.log_generation, line.revision) for line in found.lines] == [(2, 1)]
    older = await read(entries, limit=1, before=found.next)
    assert [(line.log_generation, line.revision) for line in older.lines] == [(1, 5)]


async def test_an_empty_log_has_no_history() -> None:
    assert await read([]) == HistoryRead(lines=(), next=None)
