"""Finds which nodes a client's network address belongs to, longest match first.

Networks are kept by length, each as the bits that it fixes; a lookup is one shift and one
dictionary access for each length in use, however many networks there are.
"""

from collections.abc import Iterable, Sequence
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network
from typing import Final

from shared.domain.ids import NodeId

Address = IPv4Address | IPv6Address
Bits = tuple[int, int]
"""An address as its version and its number, which is all that a lookup asks."""
Network = IPv4Network | IPv6Network

V4: Final = 4
V6: Final = 6
BITS: Final = {V4: 32, V6: 128}

OCTETS: Final = {str(number): number for number in range(256)}
"""The parts of IPv4 addresses: looking them up is three times as fast as `ip_address`."""


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

    def matches(self, address: Bits) -> Sequence[tuple[int, Sequence[NodeId]]]:
        """Yield the lengths of networks that *address* lies in, longest first, and whose they are.

        A node stands with its longest network only.
        """
        version, number = address
        found: list[tuple[int, Sequence[NodeId]]] = []
        for length, shift, by_bits in self._longest_first[version]:
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


def network_of(address: Bits, length: int) -> Network:
    """Return the network of *length* bits that *address* lies in."""
    version, number = address
    network = IPv4Network if version == V4 else IPv6Network
    return network((number, length), strict=False)


def parse_address(text: str) -> Address | None:
    """Parse a client's address; IPv4 inside IPv6 counts as IPv4, and what is no address as none."""
    address = parse_bits(text)
    if address is None:
        return None
    version, number = address
    return IPv4Address(number) if version == V4 else IPv6Address(number)


def parse_bits(text: str) -> Bits | None:
    """Do the same as `parse_address`, for those who only look the address up."""
    try:
        if ":" not in text:
            one, two, three, four = map(OCTETS.__getitem__, text.split("."))
            return V4, one << 24 | two << 16 | three << 8 | four
        address = IPv6Address(text.partition("%")[0])
    except (KeyError, ValueError):
        return None
    mapped = address.ipv4_mapped
    return (V6, int(address)) if mapped is None else (V4, int(mapped))


def _not_in(
    nodes: Iterable[NodeId], found: Iterable[tuple[int, Sequence[NodeId]]]
) -> Sequence[NodeId]:
    known = {node for _, longer in found for node in longer}
    return sorted(node for node in nodes if node not in known)


def _fixed_bits(network: Network) -> int:
    return int(network.network_address) >> (network.max_prefixlen - network.prefixlen)
