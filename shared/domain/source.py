"""Decides where a connection comes from, and how many connections one source may hold.

Limits count by *source*: the network that one customer of an internet provider controls. That is
one address of IPv4, and a /64 of IPv6, whose host chooses the other 64 bits as it likes (RFC 4291,
section 2.5.4; RFC 6177 gives a site many of them, so wider limits count by /48). An IPv4 address
that is written as IPv6 (`::ffff:192.0.2.1`) is that IPv4 address.
"""

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network
from typing import Final

Network = IPv4Network | IPv6Network

SOURCE_BITS: Final = {4: 32, 6: 64}
SITE_BITS: Final = {4: 32, 6: 48}

UNKNOWN: Final = "unknown"
"""The source of everything that has no IP address: such connections share one limit."""


def source_of(address: str) -> str:
    """Return the source that *address* counts for: `192.0.2.1`, or `2001:db8::/64`."""
    return _network_of(address, SOURCE_BITS)


def site_of(address: str) -> str:
    """Return the /48 of an IPv6 *address*, where a site holds many sources; else its source."""
    return _network_of(address, SITE_BITS)


def _network_of(address: str, bits: dict[int, int]) -> str:
    found = parse_address(address)
    if found is None:
        return UNKNOWN
    if isinstance(found, IPv4Address):
        return str(found)
    return str(ip_network((int(found), bits[found.version]), strict=False))


def parse_address(address: str) -> IPv4Address | IPv6Address | None:
    """Parse an IP address as a socket names its peer; None when *address* is none."""
    try:
        found = ip_address(address.partition("%")[0])
    except ValueError:
        return None
    return found if isinstance(found, IPv4Address) else found.ipv4_mapped or found


@dataclass(frozen=True, slots=True)
class Networks:
    """A list of networks, as a setting names them: `10.0.0.0/8,2001:db8::/32,192.0.2.7`."""

    networks: tuple[Network, ...] = ()

    @classmethod
    def parse(cls, texts: Iterable[str]) -> "Networks":
        """Parse each network or address in *texts*.

        Raises:
            ValueError: one of them is neither; the message says which, and why.
        """
        return cls(tuple(_parse_network(text) for text in texts))

    def __bool__(self) -> bool:
        return bool(self.networks)

    def __contains__(self, address: str) -> bool:
        """Say whether *address* lies in one of the networks."""
        found = parse_address(address)
        return found is not None and any(found in network for network in self.networks)


def _parse_network(text: str) -> Network:
    try:
        return ip_network(text.strip(), strict=True)
    except ValueError as error:
        raise ValueError(f"{text!r} is no network such as 10.0.0.0/8: {error}") from error


class ExceededLimit(StrEnum):
    """The limit that a connection would exceed."""

    SOURCE = "source"
    TOTAL = "total"


class ConnectionCounts:
    """Counts open connections by source and in all, and refuses those beyond a limit."""

    def __init__(self, *, per_source: int, total: int) -> None:
        assert 0 < per_source <= total, "one source never holds more than all may"
        self._per_source = per_source
        self._total = total
        self._counts: Counter[str] = Counter()
        self._open = 0

    @property
    def open(self) -> int:
        """The number of connections that were added and not removed."""
        return self._open

    def add(self, source: str, *, is_proxy: bool = False) -> ExceededLimit | None:
        """Count one more connection of *source*; or return the limit that forbids it.

        A proxy connects for many clients, so the limit of one source is none for it.
        """
        if self._open >= self._total:
            return ExceededLimit.TOTAL
        if self._counts.get(source, 0) >= self._per_source and not is_proxy:
            return ExceededLimit.SOURCE
        self._counts[source] += 1
        self._open += 1
        return None

    def remove(self, source: str) -> None:
        """Count one connection of *source* less, which `add` accepted."""
        assert self._counts[source] > 0, "only what was added is removed"
        self._open -= 1
        self._counts[source] -= 1
        if not self._counts[source]:
            del self._counts[source]
