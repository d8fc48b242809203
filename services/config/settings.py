"""The settings of the config service."""

from pathlib import Path

from pydantic import SecretStr

from shared.settings import ServiceSettings, database_address


class ConfigSettings(ServiceSettings):
    """The settings of every service, and the address of this master's database."""

    database_url: SecretStr
    database_password_file: Path | None = None

    @property
    def database(self) -> str:
        return database_address(self.database_url, self.database_password_file)
