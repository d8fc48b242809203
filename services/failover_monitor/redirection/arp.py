"""Announces on an Ethernet which machine has an address now (RFC 5227, an ARP announcement)."""

import socket
import struct
from ipaddress import IPv4Address
from typing import Final

EVERYBODY: Final = b"\xff" * 6
ARP: Final = 0x0806
ETHERNET: Final = 1
IPV4: Final = 0x0800
REQUEST: Final = 1


def announcement(hardware: bytes, address: IPv4Address) -> bytes:
    """Build the broadcast frame with which the machine *hardware* claims *address*."""
    head = struct.pack("!6s6sH", EVERYBODY, hardware, ARP)
    kind = struct.pack("!HHBBH", ETHERNET, IPV4, len(hardware), len(address.packed), REQUEST)
    return head + kind + hardware + address.packed + bytes(6) + address.packed


def announce(interface: str, hardware: bytes, address: IPv4Address) -> None:
    """Send the announcement on *interface*.

    Raises:
        OSError: it cannot be sent; PermissionError without the capability NET_RAW.
    """
    with socket.socket(socket.AF_PACKET, socket.SOCK_RAW) as wire:
        wire.bind((interface, 0))
        wire.send(announcement(hardware, address))
