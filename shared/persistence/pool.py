"""Connections to PostgreSQL; every error of the driver becomes one of our errors."""

import asyncio
import json
import traceback
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Final

import asyncpg

from shared.decoding.jsontext import decode_own_json
from shared.domain.containment import describe_error
from shared.domain.errors import MeridianError, StoreUnavailable
from shared.domain.refusal import StoreRefused, is_refusal
from shared.persistence.migrate import migrate

CONNECT_SECONDS: Final = 3.0
COMMAND_SECONDS: Final = 5.0
LARGEST_POOL: Final = 6

Connection = asyncpg.pool.PoolConnectionProxy
"""A connection of the pool, as a caller holds it."""


if TYPE_CHECKING:
    BaseConnection = asyncpg.Connection[asyncpg.Record]
else:
    BaseConnection = asyncpg.Connection  # generic for type checkers only


class StatelessConnection(BaseConnection):
    """A connection whose callers leave nothing behind that outlives a transaction.

    They leave no setting, session lock, cursor or subscription. So the pool need not reset it
    before the next caller gets it, which saves a round trip to the server.
    """

    def get_reset_query(self) -> str:
        """Return no query; a transaction that is still open is rolled back all the same."""
        return ""


class Database:
    """A pool of connections, opened at its first use, and again at the next where that failed."""

    def __init__(self, url: str) -> None:
        self._url = url
        self._pool: asyncpg.Pool[asyncpg.Record] | None = None
        self._making = asyncio.Lock()

    @asynccontextmanager
    async def connection(self) -> AsyncGenerator["Connection[asyncpg.Record]"]:
        """A connection for the block.

        Raises:
            StoreRefused: the server answered and refused.
            StoreUnavailable: the database cannot be reached, or failed.
        """
        try:
            pool = await self._open_pool()
            async with pool.acquire(timeout=CONNECT_SECONDS) as connection:
                try:
                    yield connection
                except Exception as error:
                    if _is_out_of_step(error):
                        connection.terminate()
                    raise
        except asyncpg.UndefinedTableError as error:
            await self.close()  # the next pool creates the schema
            raise StoreUnavailable(
                "the database has none of our tables: it lost its disk, or it is another one; "
                "`python -m services.config join` makes it the site's again"
            ) from error
        except Exception as error:
            if not _is_of_driver(error):
                raise
            raise store_error(error) from error

    async def close(self) -> None:
        if self._pool is not None:
            self._pool.terminate()
            self._pool = None

    async def _open_pool(self) -> "asyncpg.Pool[asyncpg.Record]":
        async with self._making:
            if self._pool is None:
                connection = await asyncpg.connect(self._url, timeout=CONNECT_SECONDS)
                try:
                    await migrate(connection)
                finally:
                    await connection.close()
                self._pool = await asyncpg.create_pool(
                    self._url,
                    min_size=1,
                    max_size=LARGEST_POOL,
                    timeout=CONNECT_SECONDS,
                    command_timeout=COMMAND_SECONDS,
                    init=_read_json,
                    connection_class=StatelessConnection,
                )
            return self._pool


def store_error(error: Exception) -> StoreUnavailable:
    """Return what *error* of the driver is for us: a refusal, or the database's silence."""
    sentence = describe_error(error).replace("\n", "; ")  # the server's details and hints
    state = error.sqlstate if isinstance(error, asyncpg.PostgresError) else None
    if is_refusal(state):
        return StoreRefused(f"the database refused: {sentence}")
    return StoreUnavailable(f"the database failed: {sentence}")


def _is_of_driver(error: Exception) -> bool:
    """Say whether *error* tells of the database or its driver, and not of the caller's own code.

    The driver has no common base for its errors, and where the server's bytes make no sense it may
    raise any error at all; so what counts is where the error comes from.
    """
    if isinstance(error, MeridianError):
        return False
    return isinstance(error, (OSError, TimeoutError)) or any(
        frame.f_globals.get("__name__", "").partition(".")[0] == asyncpg.__name__
        for frame, _ in traceback.walk_tb(error.__traceback__)
    )


def _is_out_of_step(error: Exception) -> bool:
    """Say whether the connection cannot be used again: no error that the server itself reported."""
    return _is_of_driver(error) and not isinstance(error, asyncpg.PostgresError)


async def _read_json(connection: "asyncpg.Connection[asyncpg.Record]") -> None:
    await connection.set_type_codec(
        "jsonb", encoder=json.dumps, decoder=decode_own_json, schema="pg_catalog"
    )
