"""The servers that the real halves of the contracts run on; each is started once for all tests."""

from collections.abc import Generator

import pytest

from tests.contract.servers import LogServer
from tests.integration.conftest import database_names, new_database, postgres, postgres_url

__all__ = ["database_names", "log_server", "new_database", "postgres", "postgres_url"]


@pytest.fixture(scope="session")
def log_server(tmp_path_factory: pytest.TempPathFactory) -> Generator[LogServer]:
    """A NATS server with JetStream; each test has an empty account there."""
    server = LogServer.start_in(tmp_path_factory.mktemp("nats") / "nats")
    yield server
    server.kill()
