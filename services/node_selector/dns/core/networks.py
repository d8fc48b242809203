"""Decides what DNS may learn of a client's address: its network, or nothing.

A network is cut to 24 bits of IPv4 or 56 of IPv6, as RFC 7871 (section 11.1) advises: enough for a
place, too little for a person. Addresses that mean something only inside a network are not sent
(section 7.1.2): they would mislead an authoritative server and reveal the layout of a private
network.
"""

from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_network
from typing import Final

Address = IPv4Address | IPv6Address
Network = IPv4Network | IPv6Network

DISCLOSED_BITS: Final = {4: 24, 6: 56}

NOT_PUBLIC: Final[tuple[Network, ...]] = tuple(
    ip_network(each)
    for each in (
        "0.0.0.0/8",
        "10.0.0.0/8",
        "100.64.0.0/10",
        "127.0.0.0/8",
        "169.254.0.0/16",
        "172.16.0.0/12",
        "192.168.0.0/16",
        "198.18.0.0/15",
        "224.0.0.0/3",
        "::/127",
        "64:ff9b:1::/48",
        "fc00::/7",
        "fe80::/9",
        "ff00::/8",
    )
)
"""Networks of special use (RFC 6890); networks of documentation count as public."""


def disclosed_network(address: Address | None) -> Network | None:
    """Return the network of *address* to send to DNS; None when nothing is sent."""
    if address is None or any(address in network for network in NOT_PUBLIC):
        return None
    return ip_network((int(address), DISCLOSED_BITS[address.version]), strict=False)


def scoped(network: Network, scope: int) -> Network:
    """Return the network that an answer with *scope* bits serves.

    A scope longer than the network sent counts as that network (RFC 7871, section 7.3.1).
    """
    return network.supernet(new_prefix=min(scope, network.prefixlen))
