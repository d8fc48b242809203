"""The servers that the real halves of the contracts run on."""

from tests.integration.conftest import database_names, new_database, postgres, postgres_url

__all__ = ["database_names", "new_database", "postgres", "postgres_url"]
