"""What the config service is told."""

from pydantic import SecretStr

from shared.settings import ServiceSettings


class ConfigSettings(ServiceSettings):
    """Its own master's database."""

    database_url: SecretStr
