import pytest

from services.node_selector.core.dns_matching import (
    Audience,
    DnsAnswer,
    Record,
    describe_basis,
    hosts_to_resolve,
    is_number,
    match_nodes,
    normalise_host,
)
from shared.documents.node import Address
from shared.domain.ids import NodeId

NAME = "nodes.example.com"
NOT_SENT = "this client's address is not public, so it was not sent"
ADDRESSES = {
    NodeId("berlin"): Address(host="192.0.2.1", port=7000),
    NodeId("denver"): Address(host="denver.example.com", port=7000),
    NodeId("tokyo"): Address(host="Tokyo.Example.com.", port=443),
    NodeId("osaka"): Address(host="tokyo.example.com", port=444),
    NodeId("oslo"): Address(host="2001:DB8:0::1", port=7000),
}


def found(*records: Record, **more: object) -> DnsAnswer:
    fields: dict[str, object] = {"records": records, "audience": Audience.CLIENT, **more}
    return DnsAnswer(NAME, **fields)  # type: ignore[arg-type]


def nodes(looked_up: DnsAnswer) -> set[str]:
    return set(match_nodes(looked_up, ADDRESSES))


@pytest.mark.parametrize(
    ("records", "expected"),
    [
        ((Record("192.0.2.1"),), {"berlin"}),
        ((Record("2001:db8::1"), Record("192.0.2.1")), {"oslo", "berlin"}),
        ((Record("tokyo.example.com", 443),), {"tokyo"}),
        ((Record("TOKYO.example.com", 444),), {"osaka"}),
        ((Record("tokyo.example.com", 445),), set[str]()),
        ((Record("192.0.2.9"),), set[str]()),
        ((), set[str]()),
    ],
)
def test_names_map_back_to_nodes_by_public_address_and_srv_also_by_port(
    records: tuple[Record, ...], expected: set[str]
) -> None:
    assert nodes(found(*records)) == expected


def test_a_number_without_a_port_names_every_node_at_that_host() -> None:
    numbers = {"tokyo.example.com": frozenset({"192.0.2.3"})}
    assert nodes(found(Record("192.0.2.3"), numbers=numbers)) == {"tokyo", "osaka"}


def test_an_alias_on_the_way_names_a_node() -> None:
    through = found(Record("192.0.2.9"), aliases=("eu.example.com", "denver.example.com"))
    assert nodes(through) == {"denver"}


def test_an_srv_target_with_the_number_of_a_node_names_it() -> None:
    numbers = {"b.example.com": frozenset({"192.0.2.1"})}
    assert nodes(found(Record("b.example.com", 7000), numbers=numbers)) == {"berlin"}


def test_a_node_that_is_named_twice_has_its_best_record() -> None:
    twice = found(Record("192.0.2.1", 7000, 20), Record("192.0.2.1", 7000, 10))
    assert match_nodes(twice, ADDRESSES)[NodeId("berlin")].priority == 10


@pytest.mark.parametrize(
    ("records", "asked"),
    [
        ((Record("192.0.2.1"),), set[str]()),
        ((Record("denver.example.com", 7000),), set[str]()),
        ((Record("192.0.2.9"),), {"denver.example.com"}),
        ((Record("d.example.com", 7000),), {"d.example.com", "denver.example.com"}),
    ],
)
def test_numbers_are_asked_for_only_when_a_record_names_no_host_by_itself(
    records: tuple[Record, ...], asked: set[str]
) -> None:
    assert hosts_to_resolve(found(*records), ("192.0.2.1", "Denver.example.com")) == asked


@pytest.mark.parametrize(
    ("looked_up", "basis"),
    [
        (found(Record("192.0.2.1")), f"{NAME} answered 192.0.2.1"),
        (found(Record("a.example.com", 443)), f"{NAME} answered a.example.com:443"),
        (
            found(Record("192.0.2.1"), audience=Audience.EVERYBODY),
            f"{NAME} answered 192.0.2.1 to everybody, not for this client's network",
        ),
        (
            found(Record("192.0.2.1"), audience=Audience.UNKNOWN),
            f"{NAME} answered 192.0.2.1 to everybody; {NOT_SENT}",
        ),
        (
            found(*(Record(f"192.0.2.{last}") for last in range(1, 8))),
            f"{NAME} answered 192.0.2.1, 192.0.2.2, 192.0.2.3, 192.0.2.4 and 3 more",
        ),
        (found(failure=f"{NAME} does not exist (NXDOMAIN)"), f"{NAME} does not exist (NXDOMAIN)"),
    ],
)
def test_the_basis_says_what_dns_answered_and_to_whom(looked_up: DnsAnswer, basis: str) -> None:
    assert describe_basis(looked_up) == basis


@pytest.mark.parametrize(
    ("host", "number"),
    [("192.0.2.1", True), ("2001:db8::1", True), ("a1.example.com", False), ("node1", False)],
)
def test_a_number_is_distinguished_from_a_name(host: str, number: bool) -> None:
    assert is_number(host) is number


def test_names_and_numbers_have_one_form() -> None:
    assert [
        normalise_host(host) for host in ("A.Example.", "2001:DB8:0::1", "192.0.2.1", "a1")
    ] == [
        "a.example",
        "2001:db8::1",
        "192.0.2.1",
        "a1",
    ]
