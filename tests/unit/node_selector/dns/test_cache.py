from ipaddress import IPv4Network, ip_network

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.node_selector.dns.core.cache import ScopedCache
from services.node_selector.dns.core.networks import Network
from shared.domain.ids import Instant

NOW, LATER, END = Instant(10), Instant(19.9), Instant(20)


def cache(*kept: tuple[str | None, str], most: int = 100) -> ScopedCache[str, str]:
    made: ScopedCache[str, str] = ScopedCache(most)
    for scope, answer in kept:
        made.keep("q", network(scope), answer, END)
    return made


def network(text: str | None) -> Network | None:
    return None if text is None else ip_network(text)


@pytest.mark.parametrize(
    ("client", "answer"),
    [
        ("198.51.100.0/24", "for the /24"),
        ("198.51.101.0/24", "for the /20"),
        ("198.51.111.0/24", "for the /20"),
        ("198.51.112.0/24", "for everybody"),
        ("2001:db8::/56", None),
        (None, "for nobody in particular"),
    ],
)
def test_the_longest_scope_that_the_client_lies_in_counts(
    client: str | None, answer: str | None
) -> None:
    known = cache(
        ("0.0.0.0/0", "for everybody"),
        ("198.51.96.0/20", "for the /20"),
        ("198.51.100.0/24", "for the /24"),
        (None, "for nobody in particular"),
    )
    assert known.find("q", network(client), NOW) == answer


def test_an_answer_without_a_network_proves_nothing_for_a_network() -> None:
    assert cache((None, "told nothing")).find("q", ip_network("9.9.9.0/24"), NOW) is None


def test_an_answer_for_everybody_is_none_to_a_question_without_a_network() -> None:
    assert cache(("0.0.0.0/0", "for everybody")).find("q", None, NOW) is None


def test_another_question_finds_nothing() -> None:
    assert cache(("0.0.0.0/0", "a")).find("other", ip_network("9.9.9.0/24"), NOW) is None


def test_an_answer_is_over_when_its_time_is() -> None:
    known = cache(("9.9.9.0/24", "a"))
    assert known.find("q", ip_network("9.9.9.0/24"), LATER) == "a"
    assert known.find("q", ip_network("9.9.9.0/24"), END) is None
    assert len(known) == 0


def test_when_the_longest_is_over_a_shorter_one_counts() -> None:
    known = cache(("9.9.9.0/24", "old"))
    known.keep("q", ip_network("9.9.0.0/16"), "still good", Instant(30))
    assert known.find("q", ip_network("9.9.9.0/24"), END) == "still good"


def test_a_newer_answer_replaces_the_one_of_its_scope() -> None:
    known = cache(("9.9.9.0/24", "a"), ("9.9.9.0/24", "b"))
    assert known.find("q", ip_network("9.9.9.0/24"), NOW) == "b"
    assert len(known) == 1


def test_what_nobody_used_for_longest_makes_room() -> None:
    known = cache(("1.1.1.0/24", "a"), ("2.2.2.0/24", "b"), most=2)
    known.find("q", ip_network("1.1.1.0/24"), NOW)
    known.keep("q", ip_network("3.3.3.0/24"), "c", END)
    found = [known.find("q", ip_network(f"{n}.{n}.{n}.0/24"), NOW) for n in (1, 2, 3)]
    assert found == ["a", None, "c"]


def scope(low: int, length: int) -> IPv4Network:
    return IPv4Network((0x0A00_0000 + (low << 8), length), strict=False)


SCOPES = st.builds(scope, st.integers(0, 15), st.integers(0, 24))


@given(st.lists(SCOPES, max_size=8), st.integers(0, 15))
def test_what_is_found_is_what_trying_every_scope_finds(
    scopes: list[IPv4Network], low: int
) -> None:
    client = IPv4Network((0x0A00_0000 + (low << 8), 24))
    known = cache(*((str(each), str(each)) for each in scopes))
    hits = [each for each in scopes if client.subnet_of(each)]
    brute = max(hits, key=lambda each: each.prefixlen, default=None)
    assert known.find("q", client, NOW) == (None if brute is None else str(brute))


@given(st.lists(SCOPES, max_size=40), st.integers(1, 5))
def test_it_never_keeps_more_than_it_may(scopes: list[IPv4Network], most: int) -> None:
    assert len(cache(*((str(each), "x") for each in scopes), most=most)) <= most
