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


async def _ignore(_error: Exception) -> None:
    """A test may cut its connection on purpose."""


class LogServer(NatsServer):
    """One server for many tests, one after the other."""

    @staticmethod
    def start_in(folder: Path) -> "LogServer":
        server = LogServer("alpha", folder)
        server.start()
        until(server.is_ready, "the NATS server")
        return server

    @asynccontextmanager
    async def connected(self) -> AsyncGenerator[Client]:
        """A connection to the server, which holds no stream."""
        client = await nats.connect(self.url, error_cb=_ignore, allow_reconnect=False)
        jetstream = client.jetstream()
        for stream in await jetstream.streams_info():
            await jetstream.delete_stream(str(stream.config.name))
        try:
            yield client
        finally:
            await client.close()


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
