"""What the config service is told."""

from pathlib import Path

from pydantic import SecretStr

from shared.settings import ServiceSettings, database_address


class ConfigSettings(ServiceSettings):
    """Its own master's database."""

    database_url: SecretStr
    database_password_file: Path | None = None

    @property
    def database(self) -> str:
        return database_address(self.database_url, self.database_password_file)
