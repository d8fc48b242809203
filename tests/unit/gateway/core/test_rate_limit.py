from ipaddress import IPv6Address, IPv6Network

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.gateway.core.rate_limit import ClientNetwork, Exceeded, RateLimit, SourceLimit
from shared.domain.ids import Instant

LIMIT = 3
of = ClientNetwork.of
NOW = Instant(100.0)
SITE = IPv6Network("2001:db8:7::/48")


def at(seconds: float) -> Instant:
    return Instant(seconds)


def client(site: IPv6Network, subnet: int, host: int = 1) -> ClientNetwork:
    return of(str(IPv6Address(int(site.network_address) + (subnet << 64) + host)))


def source_limit() -> SourceLimit:
    return SourceLimit(limit=LIMIT, window_seconds=60.0)


def test_the_attempt_after_the_last_allowed_one_is_refused() -> None:
    limited = RateLimit(limit=LIMIT, window_seconds=60.0)
    assert [limited.take("rita", at(second)) for second in (0, 5, 10)] == [0, 0, 0]

    assert limited.take("rita", at(12)) == 8
    assert limited.take("rita", at(19.7)) == 1
    assert limited.take("anna", at(12)) == 0
    assert limited.take("rita", at(20)) == 0


def test_a_refused_attempt_does_not_count() -> None:
    limited = RateLimit(limit=LIMIT, window_seconds=60.0)
    for _ in range(100):
        limited.take("rita", at(0))

    assert limited.take("rita", at(20)) == 0


def test_an_attempt_that_is_given_back_makes_room() -> None:
    limited = RateLimit(limit=LIMIT, window_seconds=60.0)
    for _ in range(LIMIT):
        limited.take("rita", at(0))

    limited.give_back("rita", at(0), at(1))

    assert (limited.take("rita", at(1)), limited.take("rita", at(1))) == (0, 19)


@given(st.integers(1, 300))
def test_of_any_number_of_attempts_at_once_the_limit_passes(attempts: int) -> None:
    limited = source_limit()

    taken = [limited.take(of("192.0.2.7"), NOW) for _ in range(attempts)]

    assert taken.count(None) == min(attempts, LIMIT)


def test_an_ipv6_source_counts_by_its_64() -> None:
    limited = source_limit()

    taken = [limited.take(client(SITE, 1, host), NOW) for host in range(1, LIMIT + 2)]

    assert taken == [None, None, None, Exceeded("2001:db8:7:1::/64", 20)]
    assert limited.take(client(SITE, 2), NOW) is None


def test_an_ipv6_site_counts_by_its_48_at_ten_times_the_limit() -> None:
    limited = source_limit()

    taken = [limited.take(client(SITE, subnet), NOW) for subnet in range(10 * LIMIT + 1)]

    assert taken == [None] * 10 * LIMIT + [Exceeded("2001:db8:7::/48", 2)]
    assert limited.take(client(IPv6Network("2001:db8:8::/48"), 0), NOW) is None


def test_what_the_site_refuses_does_not_count_for_the_source() -> None:
    limited = source_limit()
    for subnet in range(10 * LIMIT):
        limited.take(client(SITE, subnet), NOW)
    for _ in range(LIMIT):
        assert limited.take(client(SITE, 500), NOW) is not None

    assert limited.take(client(SITE, 500), at(NOW + 2)) is None


@pytest.mark.parametrize("address", ["192.0.2.7", "2001:db8::7", "no address"])
def test_what_is_given_back_leaves_nothing_behind(address: str) -> None:
    limited = source_limit()
    for _ in range(50 * LIMIT):
        assert limited.take(of(address), NOW) is None
        limited.give_back(of(address), NOW, NOW)


def test_an_ipv4_address_counts_the_same_when_it_is_written_as_ipv6() -> None:
    limited = source_limit()
    for _ in range(LIMIT):
        limited.take(of("::ffff:192.0.2.7"), NOW)

    assert limited.take(of("192.0.2.7"), NOW) == Exceeded("192.0.2.7", 20)
