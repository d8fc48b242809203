"""Finds which nodes a client's network address belongs to: the longest match of each node.

Networks are kept by length, longest first, each as the bits that it fixes; a lookup is one shift
and one dictionary access for each length in use, however many networks there are.
"""

from collections.abc import Iterable, Mapping
from ipaddress import (
    IPv4Address,
    IPv4Network,
    IPv6Address,
    IPv6Network,
    ip_address,
    ip_network,
)

from shared.domain.ids import NodeId

Address = IPv4Address | IPv6Address
Network = IPv4Network | IPv6Network


class PrefixTable:
    """The network address prefixes of all nodes; made anew when the directory changes."""

    def __init__(self, prefixes: Mapping[NodeId, Iterable[Network]]) -> None:
        by_length: dict[tuple[int, int], dict[int, set[NodeId]]] = {}
        for node, networks in prefixes.items():
            for network in networks:
                bits = _fixed_bits(network.network_address, network.prefixlen)
                nodes = by_length.setdefault((network.version, network.prefixlen), {})
                nodes.setdefault(bits, set()).add(node)
        self._longest_first = sorted(by_length.items(), reverse=True)

    def matches(self, address: Address) -> dict[NodeId, Network]:
        """The longest network of each node that *address* lies in; nodes without one are absent."""
        found: dict[NodeId, Network] = {}
        for (version, length), nodes in self._longest_first:
            if version != address.version:
                continue
            bits = _fixed_bits(address, length)
            for node in nodes.get(bits, ()):
                if node not in found:
                    found[node] = ip_network((int(address), length), strict=False)
        return found


def parse_address(text: str) -> Address | None:
    """A client's address; IPv4 inside IPv6 counts as IPv4, and what is no address as none."""
    try:
        address = ip_address(text.partition("%")[0])
    except ValueError:
        return None
    if isinstance(address, IPv6Address) and address.ipv4_mapped is not None:
        return address.ipv4_mapped
    return address


def _fixed_bits(address: Address, length: int) -> int:
    return int(address) >> (address.max_prefixlen - length)
