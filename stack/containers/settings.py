"""The settings of a site in containers: variables of the shell over those of `.env`."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path


@dataclass(frozen=True)
class Settings:
    """The variables of the site whose files lie in *root*."""

    root: Path
    variables: Mapping[str, str] = field(default_factory=dict[str, str])

    def get(self, name: str, default: str) -> str:
        """The variable, or *default* where it is not set or empty."""
        return self.variables.get(name) or default

    @property
    def project(self) -> str:
        return self.get("COMPOSE_PROJECT_NAME", "meridian")

    @property
    def secrets(self) -> Path:
        return (self.root / Path(self.get("SITE_SECRETS", "secrets")).expanduser()).absolute()

    @property
    def host(self) -> str:
        return self.get("SITE_HOST", "127.0.0.1")

    @property
    def gateways(self) -> tuple[str, ...]:
        """The addresses at which people reach the masters' gateways."""
        ports = (self.get("ALPHA_GATEWAY_PORT", "8443"), self.get("BRAVO_GATEWAY_PORT", "8444"))
        return tuple(f"https://{self.host}:{port}" for port in ports)
