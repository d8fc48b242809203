"""The header that a load balancer puts before a connection."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.wire.proxy_protocol import (
    LONGEST_HEADER_BYTES,
    SIGNATURE,
    BadProxyHeader,
    ProxyHeader,
    encode_proxy_header,
    missing_bytes,
    parse_proxy_header,
)

OF_IPV4 = encode_proxy_header(("192.0.2.7", 40_000), ("198.51.100.1", 443))
OF_IPV6 = encode_proxy_header(("2001:db8::7", 40_000), ("2001:db8::1", 443))


def test_the_bytes_are_those_of_the_specification() -> None:
    assert OF_IPV4.hex() == (
        "0d0a0d0a000d0a515549540a2111000cc0000207c63364019c4001bb"
    )  # fmt: skip


@pytest.mark.parametrize(("header", "address"), [(OF_IPV4, "192.0.2.7"), (OF_IPV6, "2001:db8::7")])
def test_a_header_is_read_however_its_bytes_arrive(header: bytes, address: str) -> None:
    for cut in range(len(header)):
        assert parse_proxy_header(header[:cut]) is None
    assert parse_proxy_header(header + b"hello") == ProxyHeader(len(header), address, 40_000)


@pytest.mark.parametrize("header", [OF_IPV4, OF_IPV6, SIGNATURE + b"\x20\x00\x00\x00"])
def test_no_byte_after_the_header_is_asked_for(header: bytes) -> None:
    data = b""
    while parse_proxy_header(data) is None:
        assert missing_bytes(data) > 0
        data = (header + b"what follows")[: len(data) + missing_bytes(data)]
    assert data == header


def test_tlvs_are_skipped() -> None:
    header = OF_IPV4[:14] + (12 + 6).to_bytes(2, "big") + OF_IPV4[16:] + b"\x04\x00\x03abc"
    assert parse_proxy_header(header) == ProxyHeader(len(header), "192.0.2.7", 40_000)


@pytest.mark.parametrize("rest", [b"\x20\x00\x00\x00", b"\x20\x11\x00\x00", b"\x21\x31\x00\x00"])
def test_a_proxy_that_speaks_for_itself_leaves_the_connections_own_address(rest: bytes) -> None:
    assert parse_proxy_header(SIGNATURE + rest) == ProxyHeader(16)


@pytest.mark.parametrize(
    "data",
    [
        b"\x16\x03\x01",
        b"PROXY TCP4 192.0.2.7 198.51.100.1 1 2\r\n",
        SIGNATURE + b"\x11\x11\x00\x00",
        SIGNATURE + b"\x22\x11\x00\x00",
        SIGNATURE + b"\x21\x11\x00\x0b" + bytes(11),
        SIGNATURE + b"\x21\x11" + LONGEST_HEADER_BYTES.to_bytes(2, "big"),
    ],
    ids=["tls", "version 1", "version", "command", "cut addresses", "too long"],
)
def test_what_is_no_header_is_refused(data: bytes) -> None:
    with pytest.raises(BadProxyHeader):
        parse_proxy_header(data)


@given(st.binary(max_size=80), st.booleans())
def test_any_bytes_are_a_header_or_refused_or_too_few(data: bytes, signed: bool) -> None:
    data = SIGNATURE + data if signed else data
    try:
        header = parse_proxy_header(data)
    except BadProxyHeader:
        return
    assert header is None or header.length <= len(data)
