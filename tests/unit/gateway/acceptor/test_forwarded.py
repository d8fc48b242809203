"""The client's address behind proxies that forward HTTP."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.gateway.acceptor.core.forwarded import MOST_HOPS, client_address, parse_hop
from shared.domain.source import Networks

TRUSTED = Networks.parse(("10.0.0.0/8", "2001:db8:1::/48"))
PROXY, CLIENT = "10.0.0.1", "203.0.113.9"


@pytest.mark.parametrize(
    ("peer", "forwarded", "client"),
    [
        ("198.51.100.1", [CLIENT], "198.51.100.1"),
        ("127.0.0.1", [CLIENT], "127.0.0.1"),
        (PROXY, [], PROXY),
        (PROXY, [CLIENT], CLIENT),
        (PROXY, [f"192.0.2.66, {CLIENT}"], CLIENT),
        (PROXY, [f"192.0.2.66, {CLIENT}, 10.9.9.9"], CLIENT),
        (PROXY, ["192.0.2.66", CLIENT, "10.9.9.9"], CLIENT),
        (PROXY, ["10.1.1.1, 10.2.2.2"], "10.1.1.1"),
        (PROXY, [f"{CLIENT}:4711"], CLIENT),
        (PROXY, ["[2001:db8:2::7]:4711"], "2001:db8:2::7"),
        (PROXY, ["2001:db8:2::7"], "2001:db8:2::7"),
        ("2001:db8:1::1", [CLIENT], CLIENT),
        ("::ffff:10.0.0.1", [CLIENT], CLIENT),
        (PROXY, [f"::ffff:{CLIENT}"], CLIENT),
        (PROXY, ["unknown"], PROXY),
        (PROXY, [f"{CLIENT}, "], PROXY),
        (PROXY, [""], PROXY),
        (PROXY, ["[2001:db8:2::7]x"], PROXY),
        (PROXY, [f"not read, {CLIENT}"], CLIENT),
        (PROXY, [", ".join([CLIENT] * (MOST_HOPS + 1))], PROXY),
    ],
)
def test_the_first_address_from_the_right_that_is_no_proxys_is_the_clients(
    peer: str, forwarded: list[str], client: str
) -> None:
    assert client_address(peer, forwarded, TRUSTED) == client


@given(st.lists(st.text(max_size=40), max_size=3))
def test_nobody_is_believed_unless_named(forwarded: list[str]) -> None:
    assert client_address("127.0.0.1", forwarded, Networks()) == "127.0.0.1"


@given(st.text(max_size=60))
def test_a_hop_is_an_address_or_none(hop: str) -> None:
    address = parse_hop(hop)
    assert address is None or parse_hop(address) == address
