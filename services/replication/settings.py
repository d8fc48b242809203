"""The settings of replication."""

from pathlib import Path

from pydantic import Field, SecretStr

from shared.settings import ServiceSettings, database_address


class ReplicationSettings(ServiceSettings):
    """A master's database; a node without one keeps a file.

    A follower with nothing, or more than *snapshot_after* entries behind, begins with a snapshot.
    """

    database_url: SecretStr | None = None
    database_password_file: Path | None = None
    snapshot_after: int = Field(default=200, ge=1)

    @property
    def database(self) -> str | None:
        if self.database_url is None:
            return None
        return database_address(self.database_url, self.database_password_file)
