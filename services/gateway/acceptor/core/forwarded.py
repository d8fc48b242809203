"""Decides which client address a request has behind proxies that forward HTTP.

`X-Forwarded-For` lists addresses; each proxy adds the one that it saw at the right end. Only the
proxies that the operator names are believed. Read from the right, the first address that is none of
theirs is the client: all that stands left of it is whatever the client wrote.
"""

from collections.abc import Iterable
from typing import Final

from shared.domain.source import Networks, parse_address

MOST_HOPS: Final = 32
"""More proxies than that are no proxies."""


def client_address(peer: str, forwarded: Iterable[str], trusted: Networks) -> str:
    """Return the client's address: *peer* itself, unless it is a proxy in *trusted*.

    *forwarded* are the values of the fields `X-Forwarded-For`, in their order. A value that is
    malformed proves nothing: the address of the connection holds.
    """
    if peer not in trusted:
        return peer
    hops = [hop.strip() for value in forwarded for hop in value.split(",")]
    if len(hops) > MOST_HOPS:
        return peer
    client = peer
    for hop in reversed(hops):
        address = parse_hop(hop)
        if address is None:
            return peer
        client = address
        if client not in trusted:
            break
    return client


def parse_hop(hop: str) -> str | None:
    """Read the address of one hop: `192.0.2.1`, `192.0.2.1:80`, `2001:db8::1`, `[2001:db8::1]:80`.

    None when it is no address.
    """
    if hop.startswith("["):
        host, _, port = hop[1:].partition("]")
        is_sound = not port or port.startswith(":")
    else:
        host, _, port = hop.partition(":") if hop.count(":") == 1 else (hop, "", "")
        is_sound = True
    address = parse_address(host) if is_sound else None
    return None if address is None else str(address)
