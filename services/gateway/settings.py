"""Settings of the gateway: where it listens, and the address at which clients reach it."""

from typing import Final
from urllib.parse import urlsplit

from pydantic import Field, field_validator

from shared.domain.source import Networks
from shared.runtime.listening import ListenSetting
from shared.settings import HostList, NetworkList, ServiceSettings

BACKLOG: Final = 1_024


class GatewaySettings(ServiceSettings):
    """The addresses where the gateway listens; *gateway_url* is the one that endpoints get.

    Connections from *proxy_protocol_from* begin with a PROXY header (version 2), and requests from
    *trusted_proxies* name their client in `X-Forwarded-For`; from elsewhere neither is believed.
    """

    gateway_host: HostList = ("0.0.0.0",)  # noqa: S104 - clients of every network reach the gateway
    gateway_port: int = Field(default=8443, ge=1, le=65_535)
    gateway_url: str
    gateway_connections: int = Field(default=4_096, ge=16)
    gateway_connections_per_source: int = Field(default=512, ge=1)
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
    def site_host(self) -> str:
        """Return the name or address in the gateway's own address."""
        return urlsplit(self.gateway_url).hostname or ""

    @property
    def listen(self) -> ListenSetting:
        """Return where the gateway listens."""
        hosts, port = self.gateway_host, self.gateway_port
        return ListenSetting("the gateway", "MERIDIAN_GATEWAY", hosts, port, BACKLOG)

    @property
    def certificate_names(self) -> tuple[str, ...]:
        """Return the names that the gateway's certificate is good for."""
        return tuple(dict.fromkeys((self.site_host, self.node, "localhost", "127.0.0.1")))
