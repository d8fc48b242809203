"""What a name server's message means, each read from its text."""

from ipaddress import IPv4Network

import dns.edns
import dns.message
import pytest

from services.node_selector.core.dns_matching import Record
from services.node_selector.dns.answers import RecordKind, ServerAnswer, negative_answer, read
from services.node_selector.dns.core.networks import Network

NAME = "nodes.example.com"
CLIENT = IPv4Network("198.51.100.0/24")
SOA = "example.com. {ttl} IN SOA ns.example.com. admin.example.com. 1 3600 600 86400 {minimum}"


def message(
    kind: RecordKind, *answers: str, soa: str = "", option: dns.edns.ECSOption | None = None
) -> dns.message.QueryMessage:
    lines = ["id 1", "opcode QUERY", "rcode NOERROR", "flags QR AA", ";QUESTION"]
    lines += [f"{NAME}. IN {kind}", ";ANSWER", *answers, ";AUTHORITY", soa]
    made = dns.message.from_text("\n".join(lines))
    assert isinstance(made, dns.message.QueryMessage)
    if option is not None:
        made.use_edns(0, options=[option])
    return made


def option(scope: int, network: str = "198.51.100.0", bits: int = 24) -> dns.edns.ECSOption:
    return dns.edns.ECSOption(network, bits, scope)


def answer_of(
    made: dns.message.QueryMessage, network: Network | None = CLIENT, kind: RecordKind = "A"
) -> ServerAnswer:
    return read(NAME, kind, made, network)


def test_addresses_are_records() -> None:
    made = message("A", f"{NAME}. 30 IN A 192.0.2.1", f"{NAME}. 30 IN A 192.0.2.2")
    assert answer_of(made) == ServerAnswer((Record("192.0.2.1"), Record("192.0.2.2")), seconds=30)


def test_srv_records_have_port_priority_and_weight() -> None:
    made = message("SRV", f"{NAME}. 30 IN SRV 10 60 443 Fra.Example.com.")
    assert answer_of(made, kind="SRV").records == (Record("fra.example.com", 443, 10, 60),)


@pytest.mark.parametrize("scope", [0, 20, 24])
def test_the_scope_of_an_answer_is_kept(scope: int) -> None:
    made = message("A", f"{NAME}. 30 IN A 192.0.2.1", option=option(scope))
    assert answer_of(made).scope_bits == scope


def test_an_answer_without_the_option_does_not_say_whom_it_is_for() -> None:
    assert answer_of(message("A", f"{NAME}. 30 IN A 192.0.2.1")).scope_bits is None


@pytest.mark.parametrize("wrong", [option(24, "203.0.113.0"), option(16, bits=16)])
def test_an_answer_for_another_network_is_none(wrong: dns.edns.ECSOption) -> None:
    found = answer_of(message("A", f"{NAME}. 30 IN A 192.0.2.1", option=wrong))
    assert not found.records
    assert found.failure is not None
    assert "not for 198.51.100.0/24" in found.failure


def test_an_option_that_nobody_asked_for_is_no_answer_to_a_client() -> None:
    made = message("A", f"{NAME}. 30 IN A 192.0.2.1", option=option(24))
    assert answer_of(made, network=None).scope_bits is None


def test_aliases_are_followed_and_the_shortest_life_counts() -> None:
    made = message(
        "A", f"{NAME}. 9 IN CNAME Fra.example.com.", "fra.example.com. 60 IN A 192.0.2.1"
    )
    found = answer_of(made)
    assert (found.aliases, found.records) == (("fra.example.com",), (Record("192.0.2.1"),))
    assert found.seconds == 9


def test_an_alias_into_another_zone_is_neither_an_answer_nor_a_failure() -> None:
    found = answer_of(message("A", f"{NAME}. 9 IN CNAME fra.example.net."))
    assert (found.records, found.failure, found.aliases) == ((), None, ("fra.example.net",))


OTHER_SOA = "example.net. 60 IN SOA ns.example.net. admin.example.net. 1 3600 600 86400 60"


@pytest.mark.parametrize(
    "target", ["fra.example.net.", "fra.geo.example.com.", "fra.example.com.", "com.", "."]
)
def test_an_alias_beside_the_soa_of_its_own_zone_is_followed(target: str) -> None:
    soa = SOA.format(ttl=60, minimum=60)
    found = answer_of(message("A", f"{NAME}. 9 IN CNAME {target}", soa=soa))
    assert (found.records, found.failure) == ((), None)
    assert found.aliases == (target.removesuffix(".") or ".",)


def test_an_alias_beside_the_soa_of_the_zone_that_it_leads_to_ends_there() -> None:
    made = message("A", f"{NAME}. 9 IN CNAME fra.example.net.", soa=OTHER_SOA)
    assert answer_of(made).failure == f"{NAME} has no A record"
    assert answer_of(made).is_absent


def test_an_alias_that_ends_in_another_zone_is_reported_by_the_last_of_them() -> None:
    made = message(
        "A",
        f"{NAME}. 9 IN CNAME a.example.net.",
        "a.example.net. 9 IN CNAME b.example.org.",
        soa=OTHER_SOA,
    )
    assert answer_of(made).aliases == ("a.example.net", "b.example.org")


@pytest.mark.parametrize(
    ("ttl", "minimum", "stands"), [(600, 60, 60), (30, 60, 30), (86_400, 86_400, 300)]
)
def test_a_name_without_such_records_is_so_for_as_long_as_the_soa_says(
    ttl: int, minimum: int, stands: float
) -> None:
    found = answer_of(message("A", soa=SOA.format(ttl=ttl, minimum=minimum)))
    assert (found.failure, found.is_absent) == (f"{NAME} has no A record", True)
    assert found.seconds == stands


def test_a_negative_answer_without_the_soa_stands_for_a_moment_only() -> None:
    assert answer_of(message("A")).seconds == 5


def test_a_negative_answer_keeps_its_scope() -> None:
    made = message("A", soa=SOA.format(ttl=60, minimum=60), option=option(20))
    assert negative_answer("no", made, CLIENT) == ServerAnswer((), (), 20, 60, "no", is_absent=True)


def test_no_answer_stands_longer_than_an_hour() -> None:
    assert answer_of(message("A", f"{NAME}. 604800 IN A 192.0.2.1")).seconds == 3_600
