"""The methods that lead the site's address to another master when the role moves.

Endpoints know every master and need none of this (`none`). It is for people and devices that know
one address: the new primary leads it to itself. Secrets and commands are no part of the
configuration, because an administrator of the site is not one of its machines: they stand in the
settings of each master's failover monitor.
"""

from enum import StrEnum
from ipaddress import IPv4Interface
from typing import Annotated, Self

from pydantic import AfterValidator, Field, model_validator

from shared.documents.body import DocumentBody, written_as
from shared.documents.hosts import LONGEST_URL, dns_name, host, number, web_address


class RedirectionMethod(StrEnum):
    """The action of a new primary that leads the site's address to it."""

    NONE = "none"
    HOOK = "hook"
    DNS = "dns"
    SHARED_IP = "shared_ip"


def _web_address(text: str) -> str:
    try:
        return web_address(text) if text else text
    except ValueError as error:
        raise ValueError(
            f"{error}; use an address like https://router.example.com/redirect"
        ) from error


class Hook(DocumentBody):
    """The web address to notify of a new primary; without one, each master runs a command."""

    webhook_url: Annotated[str, Field(max_length=LONGEST_URL), written_as(_web_address)] = ""


HostName = Annotated[str, written_as(dns_name)]
Address = Annotated[str, written_as(number)]


class Dns(DocumentBody):
    """The name that is led, in which zone of which server, and where it leads for each master."""

    server: Annotated[str, Field(min_length=1), written_as(host)]
    port: int = Field(default=53, ge=1, le=65_535)
    zone: HostName
    name: HostName
    ttl_seconds: int = Field(default=30, ge=0, le=86_400)
    addresses: dict[str, Annotated[tuple[Address, ...], Field(min_length=1)]]

    @model_validator(mode="after")
    def _in_zone(self) -> Self:
        if self.name != self.zone and not self.name.endswith(f".{self.zone}"):
            raise ValueError(f"the name {self.name} does not lie in the zone {self.zone}")
        return self


def _interface_address(text: str) -> str:
    found = IPv4Interface(text)
    if "/" not in text:
        raise ValueError("say its network too, like 192.0.2.10/24")
    return str(found)


class SharedIp(DocumentBody):
    """The address that the primary has beside its own; both masters lie in its network."""

    address: Annotated[str, AfterValidator(_interface_address)]
    interface: str = Field(default="", pattern=r"^[^/\s]{0,15}$")


class Redirection(DocumentBody):
    """The method, how long one attempt may take, and what the method must know."""

    method: RedirectionMethod = RedirectionMethod.NONE
    time_limit_seconds: float = Field(default=10.0, gt=0, le=300)
    hook: Hook = Hook()
    dns: Dns | None = None
    shared_ip: SharedIp | None = None

    @model_validator(mode="after")
    def _complete(self) -> Self:
        if self.method is RedirectionMethod.DNS and self.dns is None:
            raise ValueError("the method dns needs dns: server, zone, name and addresses")
        if self.method is RedirectionMethod.SHARED_IP and self.shared_ip is None:
            raise ValueError("the method shared_ip needs shared_ip: address")
        return self
