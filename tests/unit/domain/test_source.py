"""Where a connection comes from, and how many one source may hold."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.domain.source import (
    UNKNOWN,
    ConnectionCounts,
    ExceededLimit,
    Networks,
    site_of,
    source_of,
)


def test_a_source_is_one_ipv4_address_or_a_64_of_ipv6() -> None:
    sources = {
        "192.0.2.1": "192.0.2.1",
        "::ffff:192.0.2.1": "192.0.2.1",
        "2001:db8:1:2:3:4:5:6": "2001:db8:1:2::/64",
        "2001:db8:1:2::ffff": "2001:db8:1:2::/64",
        "fe80::1%eth0": "fe80::/64",
        "unix:": UNKNOWN,
        "": UNKNOWN,
    }
    assert {address: source_of(address) for address in sources} == sources


def test_a_site_is_a_48_of_ipv6() -> None:
    assert site_of("2001:db8:1:2::1") == site_of("2001:db8:1:ffff::9") == "2001:db8:1::/48"
    assert site_of("192.0.2.1") == "192.0.2.1"


def test_networks_hold_addresses_of_their_own_family_alone() -> None:
    networks = Networks.parse(("10.0.0.0/8", " 2001:db8::/32", "192.0.2.7"))
    inside = ("10.1.2.3", "::ffff:10.1.2.3", "2001:db8::1", "192.0.2.7")
    outside = ("192.0.2.8", "::1", "a name", "")
    assert all(address in networks for address in inside)
    assert not any(address in networks for address in outside)
    assert networks
    assert not Networks()


@pytest.mark.parametrize("text", ["10.0.0.1/8", "example.com", "", "10.0.0.0/33", "all"])
def test_a_network_that_is_none_is_named(text: str) -> None:
    with pytest.raises(ValueError, match="is no network such as"):
        Networks.parse((text,))


@given(st.lists(st.tuples(st.booleans(), st.sampled_from("abc")), max_size=60))
def test_connections_beyond_a_limit_are_refused_and_nothing_is_lost(
    steps: list[tuple[bool, str]],
) -> None:
    counts, held = ConnectionCounts(per_source=3, total=5), list[str]()
    for arrives, source in steps:
        if arrives:
            exceeded = counts.add(source)
            full = ExceededLimit.SOURCE if held.count(source) == 3 else None
            assert exceeded == (ExceededLimit.TOTAL if len(held) == 5 else full)
            held += [] if exceeded else [source]
        elif source in held:
            counts.remove(source)
            held.remove(source)
        assert counts.open == len(held)


def test_a_proxy_has_no_limit_of_its_own_and_counts_in_all() -> None:
    counts = ConnectionCounts(per_source=1, total=3)
    assert [counts.add("proxy", is_proxy=True) for _ in range(3)] == [None] * 3
    assert counts.add("proxy", is_proxy=True) is ExceededLimit.TOTAL
    counts.remove("proxy")
    assert counts.add("proxy") is ExceededLimit.SOURCE
    assert counts.add("other") is None
