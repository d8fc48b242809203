from ipaddress import ip_address, ip_network

import pytest

from services.node_selector.dns.core.networks import disclosed_network, scoped


@pytest.mark.parametrize(
    ("address", "disclosed"),
    [
        ("203.0.113.77", "203.0.113.0/24"),
        ("9.9.9.9", "9.9.9.0/24"),
        ("2001:db8:1:2ff::5", "2001:db8:1:200::/56"),
        ("172.15.255.255", "172.15.255.0/24"),
        ("100.128.0.1", "100.128.0.0/24"),
    ],
)
def test_of_a_public_address_dns_gets_the_network(address: str, disclosed: str) -> None:
    assert disclosed_network(ip_address(address)) == ip_network(disclosed)


@pytest.mark.parametrize(
    "address",
    [
        *("0.0.0.0", "10.1.2.3", "100.64.0.1", "127.0.0.1", "169.254.7.7", "172.31.255.255"),
        *("192.168.0.9", "198.18.0.1", "224.0.0.251", "255.255.255.255"),
        *("::", "::1", "fc00::1", "fd12::1", "fe80::1", "fec0::1", "ff02::1", "64:ff9b:1::1"),
    ],
)
def test_addresses_that_mean_nothing_outside_are_sent_to_nobody(address: str) -> None:
    assert disclosed_network(ip_address(address)) is None


def test_of_a_client_without_an_address_dns_gets_nothing() -> None:
    assert disclosed_network(None) is None


@pytest.mark.parametrize(
    ("disclosed", "scope", "covers"),
    [
        ("203.0.113.0/24", 20, "203.0.112.0/20"),
        ("203.0.113.0/24", 24, "203.0.113.0/24"),
        ("203.0.113.0/24", 0, "0.0.0.0/0"),
        ("2001:db8:1:200::/56", 48, "2001:db8:1::/48"),
    ],
)
def test_an_answer_is_for_the_network_of_its_scope(disclosed: str, scope: int, covers: str) -> None:
    assert scoped(ip_network(disclosed), scope) == ip_network(covers)


def test_a_scope_longer_than_the_one_sent_counts_as_the_one_sent() -> None:
    assert scoped(ip_network("203.0.113.0/24"), 32) == ip_network("203.0.113.0/24")
