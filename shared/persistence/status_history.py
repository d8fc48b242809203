"""The history of the site's status, in a table of each master's own.

It stands beside the master state: it is no document, no entry changes it, and a copy that begins
with a snapshot keeps it. An event is kept once, whoever brings it and how often. It is bounded by
age and by rows.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, Final

from shared.domain.ids import NodeId, UnixMillis
from shared.persistence.pool import Database

KEPT_MS: Final = 400 * 86_400_000
KEPT_ROWS: Final = 100_000
FORGET_SECONDS: Final = 30.0

Place = tuple[int, str]
"""When something happened and its id: where a page ends."""


@dataclass(frozen=True, slots=True)
class StatusEvent:
    """An event of the site; *about* names what has another state since then, if anything.

    *nodes* are those it concerns, *until* is when the next one about the same happened.
    """

    id: str
    at: UnixMillis
    speaker: NodeId
    fact: str
    nodes: tuple[str, ...]
    about: str | None
    sentence: str
    body: dict[str, Any]
    until: UnixMillis | None = None


@dataclass(frozen=True, slots=True)
class Wanted:
    """Selects events: at most *limit*, newest first, from before the place *before*."""

    limit: int
    before: Place | None = None
    since: UnixMillis = UnixMillis(0)
    node: str | None = None


class StatusHistory:
    """One master's history; every method raises StoreUnavailable when the database fails."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def keep(self, events: Iterable[StatusEvent]) -> None:
        """Keep *events*, but for those that are kept already."""
        rows = [
            (
                *(each.id, each.at, each.speaker, each.fact),
                *([*each.nodes], each.about, each.sentence, each.body),
            )
            for each in events
        ]
        async with self._database.connection() as connection:
            await connection.executemany(
                "INSERT INTO status_event VALUES ($1, $2, $3, $4, $5, $6, $7, $8)"
                " ON CONFLICT DO NOTHING",
                rows,
            )

    async def newest(self) -> UnixMillis | None:
        """Return the time of the last event that is kept."""
        async with self._database.connection() as connection:
            at = await connection.fetchval("SELECT max(at) FROM status_event")
        return None if at is None else UnixMillis(at)

    async def read(self, wanted: Wanted) -> tuple[StatusEvent, ...]:
        """The events that are *wanted*."""
        async with self._database.connection() as connection:
            rows = await connection.fetch(
                "SELECT *, (SELECT min(later.at) FROM status_event later"
                "  WHERE later.about = event.about AND later.at > event.at) AS until"
                " FROM status_event event"
                " WHERE ($1::bigint IS NULL OR (at, id) < ($1, $2)) AND at >= $3"
                " AND ($4::text IS NULL OR $4 = ANY (nodes))"
                " ORDER BY at DESC, id DESC LIMIT $5",
                *(wanted.before or (None, None)),
                *(wanted.since, wanted.node, wanted.limit),
            )
        return tuple(
            StatusEvent(
                id=row["id"],
                at=UnixMillis(row["at"]),
                speaker=NodeId(row["speaker"]),
                fact=row["fact"],
                nodes=tuple(row["nodes"]),
                about=row["about"],
                sentence=row["sentence"],
                body=row["body"],
                until=None if row["until"] is None else UnixMillis(row["until"]),
            )
            for row in rows
        )

    async def forget(self, now: UnixMillis) -> None:
        """Drop what is too old, and the oldest of what is too much."""
        async with self._database.connection() as connection:
            await connection.execute(
                "DELETE FROM status_event WHERE at < $1", now - KEPT_MS, timeout=FORGET_SECONDS
            )
            await connection.execute(
                "DELETE FROM status_event WHERE (at, id) <= (SELECT at, id FROM status_event"
                " ORDER BY at DESC, id DESC OFFSET $1 LIMIT 1)",
                KEPT_ROWS,
                timeout=FORGET_SECONDS,
            )
