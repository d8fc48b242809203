"""The frame with which an address is claimed, byte for byte (RFC 826, RFC 5227)."""

from ipaddress import IPv4Address

from services.failover_monitor.redirection.arp import announcement


def test_an_announcement_informs_everybody_who_has_the_address() -> None:
    hardware = bytes.fromhex("020000000a01")

    frame = announcement(hardware, IPv4Address("192.0.2.100"))

    assert frame.hex(" ", -2) == (
        "ffff ffff ffff 0200 0000 0a01 0806 "
        "0001 0800 0604 0001 "
        "0200 0000 0a01 c000 0264 "
        "0000 0000 0000 c000 0264"
    )
