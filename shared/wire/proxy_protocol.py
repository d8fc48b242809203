"""Parses the PROXY protocol's header, version 2: who is really behind a load balancer.

A load balancer that forwards TCP puts this header before the first byte of a connection, so that
the server behind it learns the client's address. The server must know beforehand which networks its
load balancers are in: from there the header is required, from anywhere else it is not even looked
for, because whoever may send it may claim any address.

| bytes | what                                                                   |
|-------|------------------------------------------------------------------------|
| 12    | the signature                                                          |
| 1     | version (2) and command: 0 LOCAL, a health check of the proxy; 1 PROXY |
| 1     | address family (1 IPv4, 2 IPv6, 3 UNIX) and transport (1 stream)       |
| 2     | how many bytes follow                                                  |
| …     | source and destination address, source and destination port, then TLVs |

Source: *The PROXY protocol, versions 1 & 2*, HAProxy, section 2.2. Version 1 is not spoken.
"""

import struct
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv6Address
from typing import Final

from shared.domain.errors import Rejected

SIGNATURE: Final = b"\r\n\r\n\0\r\nQUIT\n"
LONGEST_HEADER_BYTES: Final = 2_048
"""A header with its TLVs; a longer one is refused."""

_HEAD: Final = struct.Struct("!12sBBH")
_LOCAL, _PROXY = 0x20, 0x21
_ADDRESSES: Final = {1: struct.Struct("!4s4sHH"), 2: struct.Struct("!16s16sHH")}
_FAMILIES: Final[dict[int, type[IPv4Address | IPv6Address]]] = {1: IPv4Address, 2: IPv6Address}


class BadProxyHeader(Rejected):
    """The bytes do not begin with a PROXY header of version 2."""

    code = "bad_proxy_header"


@dataclass(frozen=True, slots=True)
class ProxyHeader:
    """A header as it was read; it took the first *length* bytes.

    *address* and *port* are the client's; both are None when the proxy speaks for itself (LOCAL) or
    does not say, and then the connection's own address holds.
    """

    length: int
    address: str | None = None
    port: int | None = None


def parse_proxy_header(data: bytes) -> ProxyHeader | None:
    """Parse the header at the begin of *data*; None while more bytes are needed.

    Raises:
        BadProxyHeader: what has come is not the begin of a header, or it is too long.
    """
    start = data[: len(SIGNATURE)]
    if start != SIGNATURE[: len(start)]:
        raise BadProxyHeader("a connection from this network must begin with a PROXY v2 header")
    if len(data) < _HEAD.size:
        return None
    _, command, family, size = _HEAD.unpack_from(data)
    length = _HEAD.size + size
    if command not in {_LOCAL, _PROXY}:
        raise BadProxyHeader(f"the PROXY header has version and command {command:#04x}")
    if length > LONGEST_HEADER_BYTES:
        raise BadProxyHeader(f"the PROXY header has more than {LONGEST_HEADER_BYTES} bytes")
    if len(data) < length:
        return None
    if command == _LOCAL or family >> 4 not in _ADDRESSES:
        return ProxyHeader(length)
    return _with_address(data, family >> 4, length)


def missing_bytes(data: bytes) -> int:
    """Return how many bytes may be read after *data* without reading past the header.

    *data* is the begin of a header that `parse_proxy_header` found incomplete.
    """
    if len(data) < _HEAD.size:
        return _HEAD.size - len(data)
    _, _, _, size = _HEAD.unpack_from(data)
    return _HEAD.size + int(size) - len(data)


def _with_address(data: bytes, family: int, length: int) -> ProxyHeader:
    layout = _ADDRESSES[family]
    if length < _HEAD.size + layout.size:
        raise BadProxyHeader("the PROXY header ends before its addresses do")
    source, _, port, _ = layout.unpack_from(data, _HEAD.size)
    return ProxyHeader(length, str(_FAMILIES[family](source)), port)


def encode_proxy_header(source: tuple[str, int], destination: tuple[str, int]) -> bytes:
    """Encode the header that a proxy sends; both addresses are of one family."""
    family = 2 if ":" in source[0] else 1
    kind = _FAMILIES[family]
    addresses = _ADDRESSES[family].pack(
        kind(source[0]).packed, kind(destination[0]).packed, source[1], destination[1]
    )
    return _HEAD.pack(SIGNATURE, _PROXY, family << 4 | 1, len(addresses)) + addresses
