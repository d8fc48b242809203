"""Settings of the gateway: where it listens, and the address at which clients reach it."""

from urllib.parse import urlsplit

from pydantic import Field, field_validator

from shared.domain.source import Networks
from shared.settings import NetworkList, ServiceSettings


class GatewaySettings(ServiceSettings):
    """The address where the gateway listens; *gateway_url* is the address that endpoints get."""

    gateway_host: str = "0.0.0.0"  # noqa: S104 - clients of every network reach the gateway
    gateway_port: int = Field(default=8443, ge=1, le=65_535)
    gateway_url: str
    trusted_proxies: NetworkList = Networks()
    proxy_protocol_from: NetworkList = Networks()

    @field_validator("gateway_url")
    @classmethod
    def _is_https(cls, value: str) -> str:
        parts = urlsplit(value)
        if parts.scheme != "https" or not parts.hostname:
            raise ValueError(f"{value!r} is no https address of this gateway")
        return value.rstrip("/")

    @property
    def certificate_names(self) -> tuple[str, ...]:
        """Return the names that the gateway's certificate is good for."""
        own = urlsplit(self.gateway_url).hostname or ""
        return tuple(dict.fromkeys((own, self.node, "localhost", "127.0.0.1")))
