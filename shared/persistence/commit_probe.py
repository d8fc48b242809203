"""A write that shows that a master's database commits: it needs what an append needs."""

from contextlib import suppress
from typing import Final

import asyncpg

from shared.persistence.pool import Connection, Database

PROBES_KEPT: Final = 500
"""Probes, each a page of 8 KiB, after which their table is emptied."""

PROBE: Final = """
LOCK TABLE cluster_state, log_entry, document, request IN ROW EXCLUSIVE MODE;
INSERT INTO commit_probe VALUES (repeat('x', 850));
"""
"""Sent as one message, so the server makes one transaction of it."""


class CommitProbe:
    """Writes probes into one database; only config does."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._probes = PROBES_KEPT  # what an earlier process left is not known

    async def probe_commit(self) -> None:
        """Commit a write that needs what an append needs, and changes nothing.

        One round trip and one transaction: it waits for the table locks that an append waits for,
        takes a new page of disk and flushes the WAL. It takes no lock of a row, so an append that
        waits for the log does not hold it up.

        Raises:
            StoreRefused: the server answered and did not commit, as with a full disk.
            StoreUnavailable: the database cannot be reached, or failed in another way.
        """
        async with self._database.connection() as connection:
            if self._probes >= PROBES_KEPT:
                await self._empty(connection)
            await connection.execute(PROBE)
            self._probes += 1

    async def _empty(self, connection: "Connection[asyncpg.Record]") -> None:
        """Empty the table of the probes, unless somebody reads it: a dump may take an hour."""
        with suppress(asyncpg.LockNotAvailableError):
            await connection.execute(
                "LOCK TABLE commit_probe IN ACCESS EXCLUSIVE MODE NOWAIT; TRUNCATE commit_probe"
            )
            self._probes = 0
