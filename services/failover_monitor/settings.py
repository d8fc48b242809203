"""What the failover monitor is told: its database, the witness, and the system account."""

from pathlib import Path

from pydantic import SecretStr

from shared.settings import ServiceSettings, database_address, read_secret


class MonitorSettings(ServiceSettings):
    """The leaders are placed on *witness*, through the system account."""

    database_url: SecretStr
    database_password_file: Path | None = None
    witness: str = ""
    nats_system_user: str = ""
    nats_system_password_file: Path | None = None

    @property
    def database(self) -> str:
        return database_address(self.database_url, self.database_password_file)

    def system_password(self) -> str:
        path = self.nats_system_password_file
        return "" if path is None else read_secret(path, "NATS_SYSTEM_PASSWORD_FILE")
