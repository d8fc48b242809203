"""The conflicts: entries that one master had alone when the site went on without it.

Their two tables stand beside the master state, so a snapshot that replaces the state leaves them.
A conflict is stored before that happens, whole or not at all, and once: the last entry's hash names
it. One that a backup restores arrives in parts, and exists once its last entry does.
"""

from collections.abc import AsyncGenerator, Iterable
from dataclasses import dataclass
from typing import Final

import asyncpg

from shared.domain.ids import LogGeneration, Revision, UnixMillis
from shared.persistence.pool import Connection, Database

BATCH: Final = 200

IS_WHOLE: Final = (
    "EXISTS (SELECT FROM conflict_entry AS entry WHERE entry.conflict_id = conflict.id"
    " AND (entry.log_generation, entry.revision) = (conflict.log_generation, conflict.revision))"
)


@dataclass(frozen=True, slots=True)
class Conflict:
    """The entries after *ancestor* up to *revision*, which leave *count* documents another way.

    *resolution* says what became of it; None while nobody has decided.
    """

    id: str
    at: UnixMillis
    log_generation: LogGeneration
    revision: Revision
    ancestor: Revision
    count: int
    resolution: str | None = None
    resolved_by: str | None = None


@dataclass(frozen=True, slots=True)
class ConflictEntry:
    """An entry of a conflict, and its place."""

    log_generation: LogGeneration
    revision: Revision
    message: bytes


class Conflicts:
    """One master's conflicts; every method raises StoreUnavailable when the database fails."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def own_hashes(self, limit: int) -> dict[Revision, str]:
        """The hashes of the newest entries that this master's copy keeps."""
        async with self._database.connection() as connection:
            rows = await connection.fetch(
                "SELECT revision, hash FROM log_entry"
                " ORDER BY log_generation DESC, revision DESC LIMIT $1",
                limit,
            )
        return {Revision(row["revision"]): row["hash"] for row in rows}

    async def own_after(self, ancestor: Revision) -> AsyncGenerator[bytes]:
        """The messages of this master's copy after *ancestor*, oldest first."""
        after: tuple[int, int] = (0, 0)
        while True:
            async with self._database.connection() as connection:
                rows = await connection.fetch(
                    "SELECT log_generation, revision, message FROM log_entry"
                    " WHERE revision > $1 AND (log_generation, revision) > ($2, $3)"
                    " ORDER BY log_generation, revision LIMIT $4",
                    *(ancestor, *after, BATCH),
                )
            for row in rows:
                after = row["log_generation"], row["revision"]
                yield bytes(row["message"])
            if len(rows) < BATCH:
                return

    async def keep(self, conflict: Conflict) -> bool:
        """Keep what this master's copy has after the ancestor; False when it is kept already."""
        async with self._database.connection() as connection, connection.transaction():
            await _write(connection, conflict)
            if await _is_whole(connection, conflict.id):
                return False
            await connection.execute(
                "INSERT INTO conflict_entry SELECT $1, log_generation, revision, message"
                " FROM log_entry WHERE revision > $2 ON CONFLICT DO NOTHING",
                *(conflict.id, conflict.ancestor),
            )
        return True

    async def bring_back(self, conflict: Conflict, entries: Iterable[ConflictEntry]) -> bool:
        """Keep a part of *conflict*, which comes from a backup; True when that makes it whole."""
        async with self._database.connection() as connection, connection.transaction():
            await _write(connection, conflict)
            if await _is_whole(connection, conflict.id):
                return False
            await connection.executemany(
                "INSERT INTO conflict_entry VALUES ($1, $2, $3, $4) ON CONFLICT DO NOTHING",
                [
                    (conflict.id, each.log_generation, each.revision, each.message)
                    for each in entries
                ],
            )
            return await _is_whole(connection, conflict.id)

    async def all(self) -> tuple[Conflict, ...]:
        """Every conflict, the newest first."""
        async with self._database.connection() as connection:
            rows = await connection.fetch(
                f"SELECT * FROM conflict WHERE {IS_WHOLE} ORDER BY at DESC, id"  # noqa: S608 - ours
            )
        return tuple(_conflict(row) for row in rows)

    async def one(self, id_: str) -> Conflict | None:
        """The conflict called *id_*."""
        async with self._database.connection() as connection:
            row = await connection.fetchrow(
                f"SELECT * FROM conflict WHERE id = $1 AND {IS_WHOLE}",  # noqa: S608 - ours
                id_,
            )
        return None if row is None else _conflict(row)

    async def messages(
        self, id_: str, begin: int = 0, limit: int | None = None
    ) -> tuple[bytes, ...]:
        """The log's messages that the conflict called *id_* is made of, oldest first.

        At most *limit* of them, from number *begin* on.
        """
        async with self._database.connection() as connection:
            rows = await connection.fetch(
                "SELECT message FROM conflict_entry WHERE conflict_id = $1"
                " ORDER BY log_generation, revision OFFSET $2 LIMIT $3",
                *(id_, begin, limit),
            )
        return tuple(bytes(row["message"]) for row in rows)

    async def resolve(self, id_: str, resolution: str, by: str, at: UnixMillis) -> bool:
        """Write down the decision on a conflict; False when somebody did before."""
        async with self._database.connection() as connection:
            done = await connection.execute(
                "UPDATE conflict SET resolution = $2, resolved_by = $3, resolved_at = $4"
                " WHERE id = $1 AND resolution IS NULL",
                *(id_, resolution, by, at),
            )
        return done.endswith(" 1")


async def _write(connection: "Connection[asyncpg.Record]", conflict: Conflict) -> None:
    """Write *conflict* down as an open one, unless it is there; of two the second waits here."""
    await connection.execute(
        "INSERT INTO conflict (id, at, log_generation, revision, ancestor, count)"
        " VALUES ($1, $2, $3, $4, $5, $6) ON CONFLICT DO NOTHING",
        *(conflict.id, conflict.at, conflict.log_generation),
        *(conflict.revision, conflict.ancestor, conflict.count),
    )


async def _is_whole(connection: "Connection[asyncpg.Record]", id_: str) -> bool:
    found = await connection.fetchval(
        f"SELECT {IS_WHOLE} FROM conflict WHERE id = $1",  # noqa: S608 - ours
        id_,
    )
    return bool(found)


def _conflict(row: asyncpg.Record) -> Conflict:
    return Conflict(
        id=row["id"],
        at=UnixMillis(row["at"]),
        log_generation=LogGeneration(row["log_generation"]),
        revision=Revision(row["revision"]),
        ancestor=Revision(row["ancestor"]),
        count=row["count"],
        resolution=row["resolution"],
        resolved_by=row["resolved_by"],
    )
