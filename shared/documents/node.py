"""A node of the site as the administrator describes it."""

import re
from ipaddress import IPv4Network, IPv6Network, ip_network
from typing import Annotated, Final
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from pydantic import AfterValidator, BeforeValidator, Field, PlainSerializer

from shared.documents.document import Document
from shared.domain.node import NodeRole

_OFFSET: Final = re.compile(r"[+-](0\d|1[0-4]):[0-5]\d")


def _network(value: object) -> object:
    if not isinstance(value, str):
        return value
    try:
        return ip_network(value.strip(), strict=True)
    except ValueError as error:
        raise ValueError(f"{value!r} is no network: {error}") from error


def _timezone(value: str) -> str:
    if _OFFSET.fullmatch(value):
        return value
    try:
        ZoneInfo(value)
    except (ZoneInfoNotFoundError, ValueError, OSError) as error:
        raise ValueError(
            f"{value!r} is neither an offset like +05:30 nor a zone like Europe/Berlin"
        ) from error
    return value


def _each_once(
    networks: tuple[IPv4Network | IPv6Network, ...],
) -> tuple[IPv4Network | IPv6Network, ...]:
    seen: set[IPv4Network | IPv6Network] = set()
    for network in networks:
        if network in seen:
            raise ValueError(f"the network {network} is given twice: give it once")
        seen.add(network)
    return networks


Network = Annotated[
    IPv4Network | IPv6Network, BeforeValidator(_network), PlainSerializer(str, return_type=str)
]
Networks = Annotated[tuple[Network, ...], AfterValidator(_each_once)]
Timezone = Annotated[str, AfterValidator(_timezone)]
Port = Annotated[int, Field(ge=1, le=65_535)]


class Address(Document):
    """A name or number, and the port that listens there."""

    host: str = Field(min_length=1, max_length=253)
    port: Port


class Location(Document):
    """Degrees north and east."""

    latitude: float = Field(ge=-90, le=90)
    longitude: float = Field(ge=-180, le=180)


class NodeDocument(Document):
    """One node: where it is, how clients reach it, and what it takes.

    *public_address* is where endpoints find the relay, *gateway_url* (masters only) where they
    find the site's front door, *internal_address* the name that other nodes use when it differs.
    A master in *maintenance* takes no role over, neither by itself nor by an operator's order.
    """

    role: NodeRole
    region: str = ""
    public_address: Address | None = None
    internal_address: Address | None = None
    gateway_url: str | None = None
    timezone: Timezone | None = None
    prefixes: Networks = ()
    accepting_new_clients: bool = True
    maintenance: bool = False
    capacity: int = Field(default=1_000, ge=1)
    weight: int = Field(default=1, ge=0)
    location: Location | None = None
    public_key: str = Field(default="", pattern=r"^([A-Za-z0-9+/]{43}=)?$")
