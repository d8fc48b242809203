"""Numbered SQL files, each applied once, under a lock that keeps two services from racing."""

from importlib.resources import files
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from asyncpg import Connection, Record


LOCK: Final = 0x6D657269
"""Any number that only migrations use; the letters are `meri`."""


async def migrate(connection: "Connection[Record]") -> None:
    """Bring the database to the newest schema."""
    async with connection.transaction():
        await connection.execute("SELECT pg_advisory_xact_lock($1)", LOCK)
        await connection.execute(
            "CREATE TABLE IF NOT EXISTS migration"
            " (name text PRIMARY KEY, at timestamptz NOT NULL DEFAULT now())"
        )
        done = {row["name"] for row in await connection.fetch("SELECT name FROM migration")}
        folder = files("shared.persistence") / "migrations"
        for file in sorted(folder.iterdir(), key=lambda each: each.name):
            if file.name.endswith(".sql") and file.name not in done:
                await connection.execute(file.read_text())
                await connection.execute("INSERT INTO migration (name) VALUES ($1)", file.name)
