"""Servers for every integration test: NATS alone or as three, and a new PostgreSQL database.

PostgreSQL runs once for all tests; each gets a database of its own. A NATS server starts in a
moment, so each test has its own and may break it.
"""

import itertools
import shutil
from collections.abc import Awaitable, Callable, Generator, Iterator
from pathlib import Path

import asyncpg
import pytest
import pytest_asyncio

from stack.folder import take_folder
from tests.integration.servers import NatsCluster, NatsServer, PostgresServer, until


@pytest.fixture
def nats_server(tmp_path: Path) -> Generator[NatsServer]:
    """A NATS server with JetStream, alone."""
    server = NatsServer("alpha", tmp_path / "nats")
    server.start()
    until(server.is_ready, "the NATS server")
    yield server
    server.kill()


@pytest.fixture
def nats_cluster(tmp_path: Path) -> Generator[NatsCluster]:
    """Three NATS servers that replicate."""
    cluster = NatsCluster.start(tmp_path / "nats")
    yield cluster
    cluster.close()


@pytest.fixture(scope="session")
def postgres() -> Generator[PostgresServer]:
    """The PostgreSQL of this run; whoever stops it starts it again."""
    place = take_folder(None)
    place.path.chmod(0o711)
    server = PostgresServer(place.path / "postgres")
    server.folder.mkdir()
    server.make()
    server.start()
    yield server
    server.stop()
    shutil.rmtree(server.folder)
    place.release()


@pytest.fixture(scope="session")
def database_names() -> Iterator[int]:
    return itertools.count(1)


@pytest.fixture
def new_database(
    postgres: PostgresServer, database_names: Iterator[int]
) -> Callable[[], Awaitable[str]]:
    """Makes a new, empty database; its URL."""

    async def make() -> str:
        name = f"test_{next(database_names)}"
        connection = await asyncpg.connect(postgres.url())
        await connection.execute(f'CREATE DATABASE "{name}"')
        await connection.close()
        return postgres.url(name)

    return make


@pytest_asyncio.fixture
async def postgres_url(new_database: Callable[[], Awaitable[str]]) -> str:
    """A new, empty database."""
    return await new_database()
