from typing import Any

import pytest

from shared.documents.node import NodeDocument
from shared.documents.shape import validate_body
from shared.domain.errors import InvalidChange


def prefixes(*networks: str) -> list[str]:
    body: dict[str, Any] = {"role": "traffic", "prefixes": networks}
    kept: list[str] = validate_body(NodeDocument, "node 'berlin'", body)["prefixes"]
    return kept


@pytest.mark.parametrize(
    ("written", "kept"),
    [
        ("10.0.0.0/8", "10.0.0.0/8"),
        ("10.0.0.0/255.255.0.0", "10.0.0.0/16"),
        (" 192.0.2.7 ", "192.0.2.7/32"),
        ("2001:DB8::/32", "2001:db8::/32"),
    ],
)
def test_a_network_may_be_written_in_several_ways(written: str, kept: str) -> None:
    assert prefixes(written) == [kept]


@pytest.mark.parametrize(
    ("networks", "sentence"),
    [
        (("10.0.0.1/8",), "'10.0.0.1/8' is no network: 10.0.0.1/8 has host bits set"),
        (("10.0.0.0/255.0.255.0",), "'10.0.0.0/255.0.255.0' is no network"),
        (("berlin",), "'berlin' is no network"),
        (
            ("10.0.0.0/16", "2001:db8::/32", "10.0.0.0/255.255.0.0"),
            "the network 10.0.0.0/16 is given twice: give it once",
        ),
    ],
)
def test_a_network_that_is_none_or_stands_there_twice_is_reported(
    networks: tuple[str, ...], sentence: str
) -> None:
    with pytest.raises(InvalidChange) as caught:
        prefixes(*networks)
    assert sentence in caught.value.message


def test_networks_may_overlap() -> None:
    assert prefixes("10.0.0.0/8", "10.1.0.0/16") == ["10.0.0.0/8", "10.1.0.0/16"]


@pytest.mark.parametrize(
    ("written", "kept"),
    [
        ("::ffff:10.0.0.0/104", "10.0.0.0/8"),
        ("::ffff:192.0.2.7", "192.0.2.7/32"),
        ("::ffff:0:0/96", "0.0.0.0/0"),
        ("::/0", "::/0"),
        ("::fffe:0:0/95", "::fffe:0:0/95"),
    ],
)
def test_a_network_of_ipv4_inside_ipv6_is_that_network_of_ipv4(written: str, kept: str) -> None:
    assert prefixes(written) == [kept]


def test_a_network_written_in_both_families_stands_there_twice() -> None:
    with pytest.raises(InvalidChange, match=r"the network 10\.0\.0\.0/8 is given twice"):
        prefixes("10.0.0.0/8", "::ffff:10.0.0.0/104")


@pytest.mark.parametrize("network", ["fe80::%eth0/64", "fe80::1%eth0", "fe80::1%1/128"])
def test_a_network_with_a_scope_id_is_refused(network: str) -> None:
    with pytest.raises(InvalidChange, match="has a scope id") as caught:
        prefixes(network)
    assert caught.value.attributes["field"] == "prefixes.0"


def test_networks_that_an_earlier_release_stored_are_read_and_match() -> None:
    body = {"role": "traffic", "prefixes": ["10.0.0.0/8", "::ffff:10.0.0.0/104", "fe80::%e/64"]}

    found = NodeDocument.model_validate(body)

    assert [str(each) for each in found.prefixes] == ["10.0.0.0/8", "fe80::%e/64"]


def timezone(text: str) -> str:
    kept: str = validate_body(NodeDocument, "node 'berlin'", {"role": "traffic", "timezone": text})[
        "timezone"
    ]
    return kept


@pytest.mark.parametrize(
    "text",
    ["-12:00", "+14:00", "+00:00", "-00:30", "+05:45", "Europe/Berlin", "US/Pacific", "UTC"],
)
def test_a_timezone_is_an_offset_or_a_zone_of_the_database_links_included(text: str) -> None:
    assert timezone(text) == text


@pytest.mark.parametrize(
    "text",
    [
        "-12:01",
        "+14:01",
        "+14:59",
        "-14:00",
        "+24:00",
        "+5:30",
        "+05:60",
        "05:30",
        "localtime",
        "posix/Europe/Berlin",
        "right/UTC",
        "posixrules",
        "../../etc/passwd",
        "/etc/localtime",
        "europe/berlin",
        "Europe",
        "Europe/Berlin\0",
        " UTC",
        "",
        "+\u0660\u0665:\u0663\u0660",
    ],
)
def test_what_is_no_timezone_everywhere_is_refused(text: str) -> None:
    with pytest.raises(InvalidChange, match=r"timezone: .*is (neither an offset|no offset)"):
        timezone(text)


def test_a_zone_that_an_earlier_release_read_from_its_machine_is_read_as_none() -> None:
    body = {"role": "traffic", "timezone": "localtime"}

    assert NodeDocument.model_validate(body).timezone is None
    assert NodeDocument.model_validate({**body, "timezone": "+14:30"}).timezone == "+14:30"
