"""Finds which nodes a client's network address belongs to, longest match first.

Networks are kept by length, each as the bits that it fixes; a lookup is one shift and one
dictionary access for each length in use, however many networks there are.
"""

from collections.abc import Iterable, Sequence
from ipaddress import (
    IPv4Address,
    IPv4Network,
    IPv6Address,
    IPv6Network,
    ip_address,
    ip_network,
)
from typing import Final

from shared.domain.ids import NodeId

Address = IPv4Address | IPv6Address
Network = IPv4Network | IPv6Network

BITS: Final = {4: 32, 6: 128}


class PrefixTable:
    """The network address prefixes of all nodes."""

    def __init__(self) -> None:
        self._by_length: dict[int, dict[int, dict[int, set[NodeId]]]] = {4: {}, 6: {}}
        self._longest_first: dict[int, list[tuple[int, int, dict[int, set[NodeId]]]]] = {
            4: [],
            6: [],
        }

    def add(self, node: NodeId, networks: Iterable[Network]) -> None:
        for network in networks:
            by_length = self._by_length[network.version]
            if network.prefixlen not in by_length:
                by_length[network.prefixlen] = {}
                self._sort(network.version)
            nodes = by_length[network.prefixlen].setdefault(_fixed_bits(network), set())
            nodes.add(node)

    def discard(self, node: NodeId, networks: Iterable[Network]) -> None:
        for network in networks:
            by_bits = self._by_length[network.version][network.prefixlen]
            bits = _fixed_bits(network)
            by_bits[bits].discard(node)
            if not by_bits[bits]:
                del by_bits[bits]
            if not by_bits:
                del self._by_length[network.version][network.prefixlen]
                self._sort(network.version)

    def matches(self, address: Address) -> Sequence[tuple[int, Sequence[NodeId]]]:
        """Lengths of networks that *address* lies in, longest first, and whose they are.

        A node stands with its longest network only.
        """
        number, found = int(address), list[tuple[int, Sequence[NodeId]]]()
        for length, shift, by_bits in self._longest_first[address.version]:
            nodes = by_bits.get(number >> shift)
            if nodes is not None:
                new = sorted(nodes) if not found else _not_in(nodes, found)
                if new:
                    found.append((length, new))
        return found

    def _sort(self, version: int) -> None:
        by_length, bits = self._by_length[version], BITS[version]
        self._longest_first[version] = [
            (length, bits - length, by_length[length]) for length in sorted(by_length, reverse=True)
        ]


def network_of(address: Address, length: int) -> Network:
    """The network of *length* bits that *address* lies in."""
    return ip_network((int(address), length), strict=False)


def parse_address(text: str) -> Address | None:
    """A client's address; IPv4 inside IPv6 counts as IPv4, and what is no address as none."""
    try:
        address = ip_address(text.partition("%")[0])
    except ValueError:
        return None
    if isinstance(address, IPv6Address) and address.ipv4_mapped is not None:
        return address.ipv4_mapped
    return address


def _not_in(
    nodes: Iterable[NodeId], found: Iterable[tuple[int, Sequence[NodeId]]]
) -> Sequence[NodeId]:
    known = {node for _, longer in found for node in longer}
    return sorted(node for node in nodes if node not in known)


def _fixed_bits(network: Network) -> int:
    return int(network.network_address) >> (network.max_prefixlen - network.prefixlen)
