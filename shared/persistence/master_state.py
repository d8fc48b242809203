"""The master state in PostgreSQL: the adapter of all services that read or apply it.

On one master config (as writer) and replication (as follower) both apply entries. The position's
row is locked for each transaction, and an entry that is there already is skipped, so whichever
comes first does it and neither does it twice.
"""

from collections.abc import AsyncGenerator, Iterable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Final

import asyncpg

from shared.domain.document import Document, Ref
from shared.domain.errors import StoreUnavailable
from shared.domain.ids import (
    ClusterId,
    Epoch,
    LogGeneration,
    RequestId,
    Revision,
    UnixMillis,
)
from shared.domain.ids import Sequence as LogSequence
from shared.domain.log import (
    CONTROL_KIND,
    EMPTY_HASH,
    LogEntry,
    LogPlace,
    LogPosition,
    Op,
    ReplicationMode,
    StoredEntry,
    follows,
    mode_after,
)
from shared.domain.request import AnsweredRequest
from shared.persistence.pool import Connection, Database

REQUESTS_KEPT_MS: Final = 30 * 86_400_000
EMPTY_SECONDS: Final = 60.0
"""How long emptying a large table may take."""


@dataclass(frozen=True, slots=True)
class Part:
    """A part of the documents: at most *limit*, from behind the one whose kind and id are given."""

    after: Ref | None = None
    limit: int | None = None


WHOLE: Final = Part()


@dataclass(frozen=True, slots=True)
class State:
    """The documents asked for, with the position and mode of the same moment."""

    position: LogPosition
    mode: ReplicationMode
    documents: tuple[Document, ...]


class Transaction:
    """One transaction that holds the position's lock."""

    def __init__(
        self, connection: "Connection[asyncpg.Record]", position: LogPosition, mode: ReplicationMode
    ) -> None:
        self._connection = connection
        self.position = position
        self.mode = mode

    async def apply(self, stored: StoredEntry, sequence: LogSequence) -> bool:
        """Apply an entry that was read or is about to be appended at *sequence*.

        False when it is there already.

        Raises:
            StoreUnavailable: it is not the next entry, or another one is in its place.
        """
        entry = LogEntry.decode(stored.body)
        here = self.position
        if entry.log_generation == here.log_generation and entry.revision <= here.revision:
            await self._require_same(entry, stored)
            return False
        why = follows(here, entry)
        if why is not None:
            raise StoreUnavailable(f"entry {entry.revision} does not follow: {why}")
        position = LogPosition.of(entry, stored.hash, sequence)
        mode = mode_after(self.mode, entry.changes)
        if entry.begins_epoch:
            await self._raise_epoch(entry.epoch)
        await self._connection.execute(
            "INSERT INTO log_entry VALUES ($1, $2, $3, $4, $5, $6)",
            *(position.log_generation, position.revision, position.sequence, position.epoch),
            *(position.hash, stored.encode()),
        )
        await self._write_position(position, mode)
        await self._apply_changes(entry)
        self.position, self.mode = position, mode
        return True

    async def documents(
        self, kinds: Sequence[str] = (), id_: str | None = None, part: Part = WHOLE
    ) -> tuple[Document, ...]:
        """The documents of *kinds* (all when empty), or the one called *id_*, in order."""
        found = await self._connection.fetch(
            "SELECT kind, id, revision, body FROM document"
            " WHERE (cardinality($1::text[]) = 0 OR kind = ANY ($1))"
            " AND ($2::text IS NULL OR id = $2)"
            " AND ($3::text IS NULL OR (kind, id) > ($3, $4)) ORDER BY kind, id LIMIT $5",
            *(list(kinds), id_, *(part.after or (None, None)), part.limit),
        )
        return tuple(Document(*row) for row in found)

    async def entries_behind(self, place: LogPosition, limit: int) -> tuple[bytes, ...] | None:
        """The log's messages behind the entry at *place*, with that hash, oldest first.

        None when this copy keeps no such entry, or more than *limit* messages behind it.
        """
        if place == self.position:
            return ()
        rows = await self._connection.fetch(
            "SELECT message FROM log_entry WHERE (log_generation, revision) > ($1, $2)"
            " AND EXISTS (SELECT FROM log_entry"
            " WHERE (log_generation, revision, hash) = ($1, $2, $3))"
            " ORDER BY log_generation, revision LIMIT $4",
            *(place.log_generation, place.revision, place.hash),
            limit + 1,
        )
        return tuple(bytes(row["message"]) for row in rows) if 0 < len(rows) <= limit else None

    async def requests(
        self, after: AnsweredRequest | None = None, limit: int | None = None
    ) -> list[AnsweredRequest]:
        """The request table, oldest first: at most *limit*, from behind *after*."""
        rows = await self._connection.fetch(
            "SELECT request_id, digest, revision, at FROM request"
            " WHERE $1::bigint IS NULL OR (at, request_id) > ($1, $2)"
            " ORDER BY at, request_id LIMIT $3",
            *((None, None) if after is None else (after.at, after.request_id)),
            limit,
        )
        return [AnsweredRequest(*row) for row in rows]

    async def empty(self, position: LogPosition, mode: ReplicationMode) -> None:
        """Throw everything away: the copy is at *position*, and `fill` brings its content."""
        for table in ("document", "log_entry", "request"):
            await self._connection.execute(
                f"DELETE FROM {table}",  # noqa: S608 - our own names
                timeout=EMPTY_SECONDS,
            )
        await self._raise_epoch(position.epoch)
        await self._write_position(position, mode)
        self.position, self.mode = position, mode

    async def fill(
        self, documents: Iterable[Document], requests: Iterable[AnsweredRequest]
    ) -> None:
        """Add a part of a snapshot's content."""
        await self._connection.executemany(
            "INSERT INTO document VALUES ($1, $2, $3, $4)",
            [(each.kind, each.id, each.revision, each.body) for each in documents],
        )
        await self._connection.executemany(
            "INSERT INTO request VALUES ($1, $2, $3, $4)", list(requests)
        )

    async def _require_same(self, entry: LogEntry, stored: StoredEntry) -> None:
        """Require that an entry already there is this one; after a snapshot old ones are absent."""
        here = await self._connection.fetchval(
            "SELECT hash FROM log_entry WHERE log_generation = $1 AND revision = $2",
            *(entry.log_generation, entry.revision),
        )
        if here is not None and here != stored.hash:
            raise StoreUnavailable(f"another entry is in place of revision {entry.revision}")

    async def _raise_epoch(self, epoch: Epoch) -> None:
        """Do what applying `epoch_began` does, and no more: the trigger holds entries to it."""
        await self._connection.execute("UPDATE cluster_state SET epoch = $1", epoch)

    async def _write_position(self, position: LogPosition, mode: ReplicationMode) -> None:
        await self._connection.execute(
            "UPDATE cluster_state SET log_generation = $1, revision = $2, sequence = $3,"
            " hash = $4, mode = $5",
            *(position.log_generation, position.revision, position.sequence),
            *(position.hash, mode.value),
        )

    async def _apply_changes(self, entry: LogEntry) -> None:
        """Write what *entry* leaves of each document; an entry may hold hundreds of changes."""
        last = {
            Ref(change.kind, change.id): change
            for change in entry.changes
            if change.kind != CONTROL_KIND and change.op in {Op.PUT, Op.DELETE}
        }
        await self._connection.executemany(
            "DELETE FROM document WHERE kind = $1 AND id = $2",
            [ref for ref, change in last.items() if change.op is Op.DELETE],
        )
        await self._connection.executemany(
            "INSERT INTO document VALUES ($1, $2, $3, $4) ON CONFLICT (kind, id)"
            " DO UPDATE SET revision = excluded.revision, body = excluded.body",
            [
                (*ref, entry.revision, change.body)
                for ref, change in last.items()
                if change.op is Op.PUT
            ],
        )
        requests = {(each.request_id, each.request_digest) for each in entry.changes}
        await self._connection.executemany(
            "INSERT INTO request VALUES ($1, $2, $3, $4) ON CONFLICT DO NOTHING",
            [(*request, entry.revision, entry.at) for request in requests if request[0]],
        )


class MasterState:
    """The master state of one master."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def found(self, cluster_id: ClusterId, log_generation: LogGeneration) -> bool:
        """Make an empty database one of the cluster's; False when it is one already."""
        async with self._database.connection() as connection:
            done = await connection.execute(
                "INSERT INTO cluster_state VALUES (true, $1, $2, 0, 0, 0, $3, $4)"
                " ON CONFLICT DO NOTHING",
                *(cluster_id, log_generation, EMPTY_HASH, ReplicationMode.SYNCHRONOUS.value),
            )
        return done.endswith(" 1")

    async def position(self) -> LogPosition | None:
        """Return the position of this copy; None for a database that belongs to no cluster yet."""
        async with self._database.connection() as connection:
            row = await connection.fetchrow("SELECT * FROM cluster_state")
        return None if row is None else _position(row)

    @asynccontextmanager
    async def transaction(self) -> AsyncGenerator[Transaction]:
        """A transaction that holds the position; committed at the block's end, undone by an error.

        Raises:
            StoreUnavailable: the database failed, or belongs to no cluster.
        """
        async with self._database.connection() as connection, connection.transaction():
            row = await connection.fetchrow("SELECT * FROM cluster_state FOR UPDATE")
            if row is None:
                raise StoreUnavailable("this database belongs to no cluster: init or join it first")
            yield Transaction(connection, _position(row), ReplicationMode(row["mode"]))

    async def read(
        self, kinds: Sequence[str] = (), id_: str | None = None, part: Part = WHOLE
    ) -> State:
        """Read documents with the position of the same moment.

        Raises:
            StoreUnavailable: the database failed, or belongs to no cluster.
        """
        async with self.view() as view:
            return State(view.position, view.mode, await view.documents(kinds, id_, part))

    @asynccontextmanager
    async def view(self) -> AsyncGenerator[Transaction]:
        """The state of one moment, to read; it waits for no writer and holds none up.

        Raises:
            StoreUnavailable: the database failed, or belongs to no cluster.
        """
        async with (
            self._database.connection() as connection,
            connection.transaction(isolation="repeatable_read", readonly=True),
        ):
            row = await connection.fetchrow("SELECT * FROM cluster_state")
            if row is None:
                raise StoreUnavailable("this database belongs to no cluster: init or join it first")
            yield Transaction(connection, _position(row), ReplicationMode(row["mode"]))

    async def entries(self, before: LogPlace | None, limit: int) -> tuple[bytes, ...]:
        """The log's messages that this copy keeps, newest first: at most *limit* of them.

        Those from *before* a log generation and revision, or the newest. A copy that began with a
        snapshot has none from before it.
        """
        async with self._database.connection() as connection:
            rows = await connection.fetch(
                "SELECT message FROM log_entry"
                " WHERE $1::bigint IS NULL OR (log_generation, revision) < ($1, $2::bigint)"
                " ORDER BY log_generation DESC, revision DESC LIMIT $3",
                *(before or (None, None)),
                limit,
            )
        return tuple(bytes(row["message"]) for row in rows)

    async def entries_after(
        self, place: LogPlace, limit: int
    ) -> tuple[tuple[LogSequence, bytes], ...]:
        """The log's messages that this copy keeps, oldest first, each with its sequence.

        At most *limit* of them, those after a log generation and revision.
        """
        async with self._database.connection() as connection:
            rows = await connection.fetch(
                "SELECT sequence, message FROM log_entry"
                " WHERE (log_generation, revision) > ($1, $2)"
                " ORDER BY log_generation, revision LIMIT $3",
                *place,
                limit,
            )
        return tuple((LogSequence(row["sequence"]), bytes(row["message"])) for row in rows)

    async def hashes(self, revisions: Iterable[Revision]) -> dict[Revision, str]:
        """The hashes that this copy's history has at *revisions*, as far as it keeps them."""
        wanted = list(revisions)
        async with self._database.connection() as connection:
            rows = await connection.fetch(
                "SELECT revision, hash FROM log_entry WHERE revision = ANY ($1::bigint[])"
                " UNION SELECT revision, hash FROM cluster_state"
                " WHERE revision = ANY ($1::bigint[])",
                wanted,
            )
        return {Revision(row["revision"]): row["hash"] for row in rows}

    async def find_requests(
        self, requests: Sequence[RequestId]
    ) -> dict[RequestId, AnsweredRequest]:
        """Return those of *requests* that are in the log, as this copy has it.

        Raises:
            StoreUnavailable: the database failed.
        """
        async with self._database.connection() as connection:
            rows = await connection.fetch(
                "SELECT request_id, digest, revision, at FROM request WHERE request_id = ANY ($1)",
                list(requests),
            )
        return {each.request_id: each for each in (AnsweredRequest(*row) for row in rows)}

    async def forget_requests(self, now: UnixMillis) -> None:
        """Drop requests that are too old to be repeated."""
        async with self._database.connection() as connection:
            await connection.execute("DELETE FROM request WHERE at < $1", now - REQUESTS_KEPT_MS)


def _position(row: asyncpg.Record) -> LogPosition:
    return LogPosition(
        LogGeneration(row["log_generation"]),
        Revision(row["revision"]),
        LogSequence(row["sequence"]),
        Epoch(row["epoch"]),
        row["hash"],
    )
