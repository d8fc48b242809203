# pyright: reportUnknownMemberType=false
"""Real servers for contracts: an empty JetStream, and an empty database, for each test."""

from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import nats
import pytest
from nats.aio.client import Client

from shared.persistence.pool import Database
from tests.integration.servers import NatsServer, until

NATS = pytest.param("nats", marks=pytest.mark.integration)
POSTGRES = pytest.param("postgres", marks=pytest.mark.integration)
MEMORY = "memory"
ACCOUNTS = tuple(f"test-{number}" for number in range(200))
_NAMES = iter(ACCOUNTS)


async def _ignore(_error: Exception) -> None:
    """A test may cut its connection on purpose."""


class LogServer(NatsServer):
    """One server for many tests: each has an account of its own, where nobody else's streams are.

    A stream that is deleted and made again would not do: for a moment both answer.
    """

    @staticmethod
    def start_in(folder: Path) -> "LogServer":
        server = LogServer("alpha", folder)
        server.start()
        until(server.is_ready, "the NATS server")
        return server

    def new_account(self) -> str:
        """The name of an account that nobody has used, which is its user's name and password."""
        return next(_NAMES)

    @asynccontextmanager
    async def connected(self, account: str | None = None) -> AsyncGenerator[Client]:
        """A connection in *account*, or in a new one."""
        user = account or self.new_account()
        client = await nats.connect(
            self.url, user=user, password=user, error_cb=_ignore, allow_reconnect=False
        )
        try:
            yield client
        finally:
            await client.close()

    def _configuration(self) -> dict[str, object]:
        accounts = {
            name: {"jetstream": "enabled", "users": [{"user": name, "password": name}]}
            for name in ACCOUNTS
        }
        # Streams reserve what they may grow to, for each test that makes them.
        jetstream = {"store_dir": str(self.folder / "store"), "max_file_store": 1 << 42}
        return {**super()._configuration(), "accounts": accounts, "jetstream": jetstream}


@asynccontextmanager
async def database(request: pytest.FixtureRequest) -> AsyncGenerator[Database]:
    """A pool on an empty database of the run's PostgreSQL, which is started when it is needed."""
    make: Callable[[], Awaitable[str]] = request.getfixturevalue("new_database")
    pool = Database(await make())
    try:
        yield pool
    finally:
        await pool.close()


def log_server(request: pytest.FixtureRequest) -> LogServer:
    """The run's NATS server, which is started when it is needed."""
    server: LogServer = request.getfixturevalue("log_server")
    return server
