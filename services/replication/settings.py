"""What replication is told."""

from pydantic import Field, SecretStr

from shared.settings import ServiceSettings


class ReplicationSettings(ServiceSettings):
    """A master's database; a node without one keeps a file.

    A follower with nothing, or more than *snapshot_after* entries behind, begins with a snapshot.
    """

    database_url: SecretStr | None = None
    snapshot_after: int = Field(default=200, ge=1)
