"""A node of the site as the administrator describes it."""

from ipaddress import IPv4Network, IPv6Network, ip_network
from typing import Annotated, Final

from pydantic import AfterValidator, BeforeValidator, Field, PlainSerializer, ValidationInfo

from shared.documents.body import DocumentBody, is_writing, written_as
from shared.documents.hosts import host, web_address
from shared.domain.node import NodeRole
from shared.domain.timezone import is_timezone, require_timezone

_MAPPED: Final = IPv6Network("::ffff:0:0/96")
_MAPPED_BITS: Final = 96


def _network(value: object) -> object:
    if not isinstance(value, str):
        return value
    try:
        return ip_network(value.strip(), strict=True)
    except ValueError as error:
        raise ValueError(f"{value!r} is no network: {error}") from error


def _unmapped(network: IPv4Network | IPv6Network) -> IPv4Network | IPv6Network:
    """Return *network*, or its IPv4 network: no client shows itself by any other."""
    if isinstance(network, IPv4Network):
        return network
    if network.network_address.scope_id is not None:
        raise ValueError(f"{network} has a scope id (%), which no other machine understands")
    if network.subnet_of(_MAPPED):
        bits = int(network.network_address) & 0xFFFF_FFFF
        return IPv4Network((bits, network.prefixlen - _MAPPED_BITS))
    return network


def _timezone(value: str | None, info: ValidationInfo) -> str | None:
    """Read as none a zone that an earlier release took from its machine's own folder."""
    if value is None:
        return None
    if is_writing(info):
        return require_timezone(value)
    return value if is_timezone(value) else None


def _each_once(
    networks: tuple[IPv4Network | IPv6Network, ...], info: ValidationInfo
) -> tuple[IPv4Network | IPv6Network, ...]:
    seen: dict[IPv4Network | IPv6Network, None] = {}
    for network in networks:
        if network in seen and is_writing(info):
            raise ValueError(f"the network {network} is given twice: give it once")
        seen[network] = None
    return tuple(seen)


Network = Annotated[
    IPv4Network | IPv6Network,
    BeforeValidator(_network),
    written_as(_unmapped),
    PlainSerializer(str, return_type=str),
]
Networks = Annotated[tuple[Network, ...], AfterValidator(_each_once)]
Timezone = Annotated[str | None, AfterValidator(_timezone)]
Port = Annotated[int, Field(ge=1, le=65_535)]


class Address(DocumentBody):
    """A name or number, and the port that listens there."""

    host: Annotated[str, Field(min_length=1), written_as(host)]
    port: Port


class Location(DocumentBody):
    """Degrees north and east."""

    latitude: float = Field(ge=-90, le=90)
    longitude: float = Field(ge=-180, le=180)


class NodeDocument(DocumentBody):
    """One node: where it is, how clients reach it, and which sessions it takes.

    *public_address* is where endpoints find the relay, *gateway_url* (masters only) where they
    find the site's front door, *internal_address* the name that other nodes use when it differs.
    A master in *maintenance* takes no role over, neither by itself nor by an operator's order.
    """

    role: NodeRole
    region: str = ""
    public_address: Address | None = None
    internal_address: Address | None = None
    gateway_url: Annotated[str, written_as(web_address)] | None = None
    timezone: Timezone = None
    prefixes: Networks = ()
    accepting_new_clients: bool = True
    maintenance: bool = False
    capacity: int = Field(default=1_000, ge=1)
    weight: int = Field(default=1, ge=0)
    location: Location | None = None
    public_key: str = Field(default="", pattern=r"^([A-Za-z0-9+/]{43}=)?$")
