"""The failover monitor's settings: its database, the witness, the system account, its hook."""

import shlex
from pathlib import Path

from pydantic import Field, SecretStr, field_validator

from shared.settings import ServiceSettings, database_address, read_secret


class MonitorSettings(ServiceSettings):
    """Settings of one master's monitor; leaders are moved to the log server *witness*."""

    database_url: SecretStr
    database_password_file: Path | None = None
    witness: str = ""
    nats_system_user: str = ""
    nats_system_password_file: Path | None = None
    redirection_command: str = Field(default="", repr=False)
    redirection_webhook_key_file: Path | None = None
    redirection_dns_key_file: Path | None = None

    @field_validator("redirection_command")
    @classmethod
    def _splits(cls, value: str) -> str:
        try:
            shlex.split(value)
        except ValueError as error:
            raise ValueError(f"is no command line: {error}") from error
        return value

    @property
    def database(self) -> str:
        return database_address(self.database_url, self.database_password_file)

    def system_password(self) -> str:
        path = self.nats_system_password_file
        return "" if path is None else read_secret(path, "NATS_SYSTEM_PASSWORD_FILE")

    def hook_command(self) -> tuple[str, ...]:
        """Return the command of the redirection by hook; empty without one."""
        return tuple(shlex.split(self.redirection_command))

    def webhook_key(self) -> bytes:
        """Return the key that signs webhooks; empty without a key."""
        path = self.redirection_webhook_key_file
        return b"" if path is None else read_secret(path, "REDIRECTION_WEBHOOK_KEY_FILE").encode()

    def dns_key(self) -> str:
        """Return the key file of dynamic updates, as it is; empty without one."""
        path = self.redirection_dns_key_file
        return "" if path is None else read_secret(path, "REDIRECTION_DNS_KEY_FILE")
