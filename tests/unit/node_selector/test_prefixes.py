from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.node_selector.core.prefixes import (
    Bits,
    PrefixTable,
    network_of,
    parse_address,
    parse_bits,
)
from shared.documents.node import NodeDocument
from shared.domain.ids import NodeId

Network = IPv4Network | IPv6Network


def v4_network(number: int, length: int) -> Network:
    return IPv4Network((0x0A00_0000 + number, length), strict=False)


def v6_network(number: int, length: int) -> Network:
    return IPv6Network(((0x2001_0DB8 << 96) + number, length), strict=False)


def networks() -> st.SearchStrategy[Network]:
    near = st.integers(0, 255)
    return st.one_of(
        st.builds(v4_network, near, st.integers(0, 32)),
        st.builds(v6_network, near, st.integers(0, 128)),
    )


def addresses() -> st.SearchStrategy[IPv4Address | IPv6Address]:
    v4 = st.integers(0, 255).map(lambda low: IPv4Address(0x0A00_0000 + low))
    v6 = st.integers(0, 255).map(lambda low: IPv6Address((0x2001_0DB8 << 96) + low))
    return st.one_of(v4, v6)


TABLES = st.dictionaries(
    st.sampled_from([NodeId(name) for name in ("berlin", "denver", "tokyo")]),
    st.lists(networks(), max_size=6, unique=True),
)


def table(prefixes: dict[NodeId, list[Network]]) -> PrefixTable:
    made = PrefixTable()
    for node, networks in prefixes.items():
        made.add(node, networks)
    return made


def bits(address: IPv4Address | IPv6Address) -> Bits:
    return address.version, int(address)


def found(table: PrefixTable, address: IPv4Address | IPv6Address) -> dict[NodeId, Network]:
    return {
        node: network_of(bits(address), length)
        for length, nodes in table.matches(bits(address))
        for node in nodes
    }


@given(TABLES, addresses())
def test_the_longest_match_is_what_trying_every_network_finds(
    prefixes: dict[NodeId, list[Network]], address: IPv4Address | IPv6Address
) -> None:
    brute = {
        node: max(hits, key=lambda network: network.prefixlen)
        for node, networks in prefixes.items()
        if (hits := [network for network in networks if address in network])
    }
    assert found(table(prefixes), address) == brute


@given(TABLES, TABLES, addresses())
def test_what_was_taken_out_again_matches_nothing(
    stays: dict[NodeId, list[Network]],
    goes: dict[NodeId, list[Network]],
    address: IPv4Address | IPv6Address,
) -> None:
    both = table(stays)
    leaving = {NodeId(f"{node}-2"): networks for node, networks in goes.items()}
    for node, networks in leaving.items():
        both.add(node, networks)
    for node, networks in leaving.items():
        both.discard(node, networks)
    assert found(both, address) == found(table(stays), address)


@given(TABLES, addresses())
def test_longer_networks_come_first(
    prefixes: dict[NodeId, list[Network]], address: IPv4Address | IPv6Address
) -> None:
    lengths = [length for length, _ in table(prefixes).matches(bits(address))]
    assert lengths == sorted(lengths, reverse=True)


def test_a_network_of_everything_matches_everybody_of_its_family() -> None:
    everything = table({NodeId("berlin"): [IPv4Network("0.0.0.0/0")]})
    assert everything.matches(bits(IPv4Address("203.0.113.9"))) == [(0, ["berlin"])]
    assert everything.matches(bits(IPv6Address("2001:db8::9"))) == []


@pytest.mark.parametrize(
    ("text", "address"),
    [
        ("192.0.2.1", IPv4Address("192.0.2.1")),
        ("2001:db8::1", IPv6Address("2001:db8::1")),
        ("::ffff:192.0.2.1", IPv4Address("192.0.2.1")),
        ("fe80::1%eth0", IPv6Address("fe80::1")),
        ("", None),
        ("customer.example.com", None),
        ("192.0.2.256", None),
    ],
)
def test_an_address_is_read_in_every_form_that_sockets_give(
    text: str, address: IPv4Address | IPv6Address | None
) -> None:
    assert parse_address(text) == address


NEARLY_ADDRESSES = st.one_of(
    st.ip_addresses().map(str),
    st.from_regex(r"(::ffff:)?([0-9]{1,3}\.){3}[0-9]{1,3}", fullmatch=True),
    st.text("0123456789abcdef.:", max_size=24),
)


@given(NEARLY_ADDRESSES)
def test_a_text_is_an_address_exactly_if_the_standard_library_says_so(text: str) -> None:
    try:
        expected = ip_address(text)
    except ValueError:
        assert parse_address(text) is None
        return
    mapped = expected.ipv4_mapped if isinstance(expected, IPv6Address) else None
    assert parse_address(text) == (mapped or expected)


@pytest.mark.parametrize("written", ["10.0.0.0/8", "::ffff:10.0.0.0/104"])
@pytest.mark.parametrize("client", ["10.1.2.3", "::ffff:10.1.2.3", "::FFFF:0A01:0203"])
def test_a_client_of_ipv4_is_in_its_network_however_both_are_written(
    written: str, client: str
) -> None:
    body = {"role": "traffic", "prefixes": [written]}
    found = PrefixTable()
    found.add(NodeId("berlin"), NodeDocument.model_validate(body).prefixes)
    address = parse_bits(client)

    assert address is not None
    assert found.matches(address) == [(8, ["berlin"])]
