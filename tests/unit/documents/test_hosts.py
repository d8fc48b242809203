"""Hosts, ports and web addresses: one canonical form each, and nothing that reaches nobody."""

from typing import Any
from urllib.parse import urlsplit

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from shared.documents import DOCUMENTS, Kind
from shared.documents.hosts import dns_name, host, host_name, number, place, web_address
from shared.documents.shape import validate_body
from shared.domain.errors import InvalidChange

LONG = ".".join(["a" * 63] * 4)


@pytest.mark.parametrize(
    ("text", "canonical"),
    [
        ("relay.example.com", "relay.example.com"),
        ("Relay.EXAMPLE.com.", "relay.example.com"),
        (" relay ", "relay"),
        ("master_a", "master_a"),
        ("ab--cd.example", "ab--cd.example"),
        ("münchen.example", "xn--mnchen-3ya.example"),
        ("MÜNCHEN。example", "xn--mnchen-3ya.example"),
        ("xn--mnchen-3ya.example", "xn--mnchen-3ya.example"),
        ("straße.example", "xn--strae-oqa.example"),
        ("\uff21\uff22\uff23.example", "abc.example"),
        ("192.0.2.1", "192.0.2.1"),
        ("\uff1192.0.2.1", "192.0.2.1"),
        ("2001:DB8:0::1", "2001:db8::1"),
        ("[2001:db8::1]", "2001:db8::1"),
        ("::ffff:192.0.2.1", "192.0.2.1"),
        ("a" * 63, "a" * 63),
        (LONG[:253], LONG[:253]),
        (LONG[:253] + ".", LONG[:253]),
    ],
)
def test_a_host_has_one_canonical_form(text: str, canonical: str) -> None:
    assert host(text) == canonical


@pytest.mark.parametrize(
    "text",
    [
        "",
        " ",
        ".",
        "..",
        "relay..example.com",
        ".example.com",
        "a" * 64,
        LONG[:254],
        "ü" * 63,
        "-a.example",
        "a-.example",
        "a b.example",
        "a\tb",
        "a\n",
        "a\0",
        "a\u202eb.example",
        "\u200ba.example",
        "a\u00adb\u202e",
        "xn--a.example",
        "xn--.example",
        "relay.example.com:7443",
        "https://relay.example.com",
        "a/b",
        "a@b",
        "256.0.0.1",
        "192.0.2",
        "0x7f.1",
        "01.2.3.4",
        "[relay]",
        "fe80::1%eth0",
        "2001:db8::g",
        "א1a.example",
        "\ud800.example",
    ],
)
def test_what_no_resolver_could_find_is_no_host(text: str) -> None:
    with pytest.raises(ValueError, match=r"is no host name like help\.example\.com|scope id"):
        host(text)


@given(
    st.text(max_size=300) | st.from_regex("[a-zA-Zäß\uff210-9_.\\-:\\[\\]%]{1,70}", fullmatch=True)
)
@example("a\u0301.example")
@example("☃.example")
def test_a_host_is_refused_or_brought_to_a_form_that_stays(text: str) -> None:
    try:
        found = host(text)
    except ValueError:
        return
    assert found.isascii()
    assert found == found.lower()
    assert 1 <= len(found) <= 253
    assert host(found) == found
    if ":" not in found:
        assert all(0 < len(label) < 64 for label in found.split("."))


def test_a_name_that_people_type_is_no_number_and_has_no_underscore() -> None:
    assert host_name("Help.Example.com.") == "help.example.com"
    assert dns_name("_Relay._tcp.example.com") == "_relay._tcp.example.com"
    for text in ("_relay._tcp.example.com", "192.0.2.1", "2001:db8::1"):
        with pytest.raises(ValueError, match="is no host name"):
            host_name(text)


def test_a_number_is_kept_as_it_is_usually_written() -> None:
    assert number("2001:DB8::2") == "2001:db8::2"
    assert number("::ffff:192.0.2.2") == "192.0.2.2"
    for text in ("relay", "192.0.2.256", "", "fe80::1%eth0"):
        with pytest.raises(ValueError, match=r"is no IP address|scope id"):
            number(text)


@pytest.mark.parametrize(
    ("text", "canonical"),
    [
        ("https://Chat.Example.com./Hooks/7?a=B", "https://chat.example.com/Hooks/7?a=B"),
        ("HTTP://192.0.2.1:80", "http://192.0.2.1:80"),
        ("http://[2001:DB8::1]:8080/x", "http://[2001:db8::1]:8080/x"),
        ("https://münchen.example/ä", "https://xn--mnchen-3ya.example/ä"),
        ("https://example.com:/x", "https://example.com/x"),
        ("https://me:Word@Example.com/", "https://me:Word@example.com/"),
        ("https://example.com:65535/", "https://example.com:65535/"),
        ("https://example.com:0443/", "https://example.com:443/"),
    ],
)
def test_a_web_address_has_one_canonical_form(text: str, canonical: str) -> None:
    assert web_address(text) == canonical


@pytest.mark.parametrize(
    "text",
    [
        "http://127.0.0.1:80800/",
        "http://127.0.0.1:0/",
        "http://127.0.0.1:-1/",
        "http://127.0.0.1:+80/",
        "http://127.0.0.1:\u0668\u0660/",
        f"http://127.0.0.1:{'9' * 1_500}/",
        "http://127.0.0.1:http/",
        "http://[::1/",
        "http://[::1]x/",
        "http://[::1%25eth0]/",
        "http://2001:db8::1/",
        "http://relay..example.com/",
        "http://a b.example/",
        "http://example.com/a b",
        "http://example.com/\n",
        "http://exa\tmple.com/",
        "http://example.com/\u202e",
        "http:///x",
        "http://",
        "example.com",
        "ftp://example.com/",
        "//example.com/",
        f"http://example.com/{'a' * 2_000}",
        "",
    ],
)
def test_what_nobody_could_call_is_no_web_address(text: str) -> None:
    with pytest.raises(ValueError, match=r"\w") as caught:
        web_address(text)
    assert len(str(caught.value)) < 400


@given(st.text(max_size=80).map(lambda rest: f"https://{rest}"))
def test_a_web_address_is_refused_or_brought_to_a_form_that_stays(text: str) -> None:
    try:
        found = web_address(text)
    except ValueError:
        return
    assert web_address(found) == found
    parts = urlsplit(found)
    assert parts.hostname is not None
    assert parts.port is None or 1 <= parts.port <= 65_535


@pytest.mark.parametrize(
    ("text", "canonical"),
    [
        ("Router.example", "router.example"),
        ("router.example:53", "router.example:53"),
        ("2001:DB8::1", "[2001:db8::1]"),
        ("[2001:db8::1]:53", "[2001:db8::1]:53"),
        ("tcp://router.example:53/x", "router.example:53"),
    ],
)
def test_a_place_is_a_host_with_or_without_a_port(text: str, canonical: str) -> None:
    assert place(text) == canonical


@pytest.mark.parametrize("text", ["", "a:0", "a:65536", "a:b", "//", "[a]:1", ":53", "a..b"])
def test_a_place_without_a_host_or_with_no_port_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"\w"):
        place(text)


BAD = "relay..example.com"
URL = "http://127.0.0.1:80800/"
RELAY = {"role": "traffic"}
DNS: dict[str, Any] = {
    "server": "ns1",
    "zone": "example.com",
    "name": "s.example.com",
    "addresses": {},
}


@pytest.mark.parametrize(
    ("kind", "body", "field"),
    [
        (Kind.NODE, {**RELAY, "public_address": {"host": BAD, "port": 1}}, "public_address.host"),
        (Kind.NODE, {**RELAY, "public_address": {"host": "a", "port": 0}}, "public_address.port"),
        (
            Kind.NODE,
            {**RELAY, "internal_address": {"host": "a\u202e", "port": 1}},
            "internal_address.host",
        ),
        (Kind.NODE, {"role": "master", "gateway_url": URL}, "gateway_url"),
        (Kind.WEBHOOK, {"url": URL}, "url"),
        (Kind.WEBHOOK, {"url": f"http://{BAD}/"}, "url"),
        (Kind.PUBLIC_SITE, {"hostnames": [BAD]}, "hostnames.0"),
        (Kind.PUBLIC_SITE, {"hostnames": ["192.0.2.1"]}, "hostnames.0"),
        (
            Kind.SITE,
            {"name": "s", "redirection": {"hook": {"webhook_url": URL}}},
            "redirection.hook.webhook_url",
        ),
        (
            Kind.SITE,
            {"name": "s", "redirection": {"dns": {**DNS, "server": BAD}}},
            "redirection.dns.server",
        ),
        (
            Kind.SITE,
            {"name": "s", "selection": {"a_record": {"name": BAD}}},
            "selection.a_record.name",
        ),
        (
            Kind.SITE,
            {"name": "s", "selection": {"ip_anycast": {"host": BAD, "port": 1}}},
            "selection.ip_anycast.host",
        ),
        (
            Kind.SITE,
            {
                "name": "s",
                "selection": {
                    "a_record": {"name": "a", "resolvers": [{"address": "::1", "port": 80_800}]}
                },
            },
            "selection.a_record.resolvers.0.port",
        ),
        (
            Kind.SITE,
            {"name": "s", "failover": {"probe_targets": ["a:0"]}},
            "failover.probe_targets.0",
        ),
        (Kind.SITE, {"name": "a\u202eb"}, "name"),
    ],
)
def test_a_document_with_a_host_or_port_of_nobody_is_refused_with_its_field(
    kind: Kind, body: dict[str, Any], field: str
) -> None:
    with pytest.raises(InvalidChange) as caught:
        validate_body(DOCUMENTS[kind], "x", body)
    assert caught.value.attributes["field"] == field


@pytest.mark.parametrize(
    ("kind", "body"),
    [
        (Kind.NODE, {**RELAY, "public_address": {"host": BAD, "port": 1}}),
        (Kind.NODE, {**RELAY, "gateway_url": URL}),
        (Kind.WEBHOOK, {"url": URL}),
        (Kind.WEBHOOK, {"url": "http://[::1"}),
        (Kind.PUBLIC_SITE, {"hostnames": ["a b"]}),
        (Kind.SITE, {"name": "a\u202eb", "failover": {"probe_targets": ["a:0"]}}),
        (Kind.SITE, {"name": "s", "selection": {"srv_record": {"name": BAD}}}),
        (Kind.SITE, {"name": "s", "redirection": {"hook": {"webhook_url": URL}}}),
    ],
)
def test_what_an_earlier_release_stored_is_read_as_it_stands(
    kind: Kind, body: dict[str, Any]
) -> None:
    found = DOCUMENTS[kind].model_validate(body).model_dump(mode="json", exclude_unset=True)

    assert found == body


def test_what_an_earlier_release_stored_is_read_in_canonical_form_where_it_has_one() -> None:
    body = {**RELAY, "public_address": {"host": "Relay.Example.", "port": 1}}

    found = DOCUMENTS[Kind.NODE].model_validate(body).model_dump(mode="json")

    assert found["public_address"]["host"] == "relay.example"
