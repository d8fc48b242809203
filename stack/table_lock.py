"""Holds a table of a master's database locked, as an operator's psql or a migration may."""

from dataclasses import dataclass
from typing import Final

import asyncpg

from stack import postgres
from stack.layout import Layout, NodeLayout

ENTRIES: Final = "log_entry"
TAKEN_SECONDS: Final = 10.0


@dataclass(frozen=True)
class TableLock:
    """An open transaction that nobody else may even read the table beside."""

    connection: "asyncpg.Connection[asyncpg.Record]"

    @staticmethod
    async def take(url: str, table: str = ENTRIES) -> "TableLock":
        """Lock *table* of the database at *url*, once those who work on it have let it go.

        Raises:
            TimeoutError: they did not.
            asyncpg.PostgresError: the database refuses.
            OSError: it is not there.
        """
        connection = await asyncpg.connect(url, timeout=TAKEN_SECONDS)
        try:
            await connection.execute("BEGIN")
            await connection.execute(
                f"LOCK TABLE {table} IN ACCESS EXCLUSIVE MODE", timeout=TAKEN_SECONDS
            )
        except BaseException:
            connection.terminate()
            raise
        return TableLock(connection)

    def release(self) -> None:
        """Let the others go on; also when the database is gone."""
        self.connection.terminate()


async def lock_entries(layout: Layout, node: NodeLayout) -> TableLock:
    """Lock the entries of the log in *node*'s database."""
    return await TableLock.take(postgres.url(layout, node))
