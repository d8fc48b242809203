"""The settings of a relay: where it listens."""

from pydantic import Field

from shared.domain.source import Networks
from shared.settings import HostList, NetworkList, ServiceSettings


class RelaySettings(ServiceSettings):
    """The data plane's own addresses; what endpoints connect to is the node's public address."""

    relay_host: HostList = ("0.0.0.0",)  # noqa: S104 - endpoints come from anywhere
    relay_port: int = Field(default=7_443, ge=0, le=65_535)
    proxy_protocol_from: NetworkList = Networks()
