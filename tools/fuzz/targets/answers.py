# pyright: reportPrivateUsage=false
"""Answers of sites, name servers and programs, and what a person says on the command line."""

from collections.abc import Iterable
from datetime import UTC, datetime
from ipaddress import IPv4Network
from typing import TYPE_CHECKING, Any

import dns.asyncresolver
import dns.edns
import dns.message
import dns.nameserver
from pydantic import TypeAdapter

from clients.cli.select import _latency, _offset
from clients.events.reader import RawEvent
from clients.events.rendering import as_line, as_object
from services.node_selector.dns.client import _query
from shared.api.answer import Answer, read_answer
from shared.api.probes import ProbePlan
from shared.api.sessions import SessionCredentials
from shared.crypto.node_signature import Statement
from shared.domain.ids import NodeId, UnixMillis
from stack.control import Control
from stack.readiness import read_answer as read_http
from tools.fuzz.held import finished
from tools.fuzz.samples import NO_JSON, after, encoded, joined, varied
from tools.fuzz.target import Dropped, Target, parts, text_of

if TYPE_CHECKING:
    from services.node_selector.dns.answers import RecordKind

NAME = "nodes.example.com"
CLIENT = IPv4Network("198.51.100.0/24")


def _site(data: bytes) -> object:
    """An answer of the site: its status, then its body."""
    status, body = parts(data, 2)
    number = int(status) if status in {b"200", b"404", b"500", b"503"} else 200
    answer = Answer(number, body, "https://site/api/v1/x")
    credentials = read_answer(answer, TypeAdapter(SessionCredentials))
    return credentials.with_gateways(("https://site",))


def _site_corpus() -> Iterable[bytes]:
    own = {"session": "7", "endpoint_token": "t", "gateways": ["https://site/"]}
    yield from after(b"200", varied({**own, "expires_unix_ms": 1}))
    problem = {"code": "not_found", "detail": "x", "status": 404, "type": "t", "title": "T"}
    yield from after(b"404", varied({**problem, "retry_after_seconds": 1, "referrers": ["a"]}))
    yield from after(b"503", varied({**problem, "code": "no_such_code"}))
    yield from after(b"500", (b"<html>", b"", b"[1]"))


def _facts(data: bytes) -> object:
    """Which relays to measure, as `/probes` answers."""
    plan = read_answer(Answer(200, data, "https://s/"), TypeAdapter(ProbePlan))
    if not plan.nodes:
        raise Dropped("nothing_to_measure")
    return plan


def _facts_corpus() -> Iterable[bytes]:
    relay = {"node": "berlin", "host": "h", "port": 1}
    yield from varied({"ticket": "t", "nodes": [relay], "good_for_seconds": 60})


def _options(data: bytes) -> object:
    which, rest = parts(data, 2)
    return _latency(text_of(rest)) if which == b"latency" else _offset(text_of(rest))


def _options_corpus() -> Iterable[bytes]:
    yield from after(
        b"latency",
        (b"berlin=12.5ms", b"berlin=1", b"", b"=", b"a=nan", b"a=-1", b"a=1e9", b"\xff=x"),
    )
    offsets = (
        b"+05:30",
        b"-300",
        b"Europe/Berlin",
        b"",
        b"x",
        b"99999",
        b"+",
        b"../x",
        b"\xff",
        b"\xc2\xb2",
        b"a\x00b",
    )
    yield from after(b"offset", offsets)


def _event(data: bytes) -> object:
    """An event that a node signed, as people and programs are shown it."""
    raw = RawEvent(1, datetime.fromtimestamp(0, UTC), "meridian.event.x", data, "")
    statement = Statement(NodeId("alpha"), UnixMillis(253_402_300_799_999), "id")
    return as_object(raw, statement), as_line(raw, statement)


class FixedNameserver(dns.nameserver.Nameserver):
    """A name server that answers with *wire*, whatever it is asked."""

    def __init__(self, wire: bytes) -> None:
        self.wire = wire

    def __str__(self) -> str:
        return "Do53:192.0.2.53@53"

    def kind(self) -> str:
        return "fixed"

    def is_always_max_size(self) -> bool:
        return True

    def answer_nameserver(self) -> str:
        return "192.0.2.53"

    def answer_port(self) -> int:
        return 53

    async def async_query(self, request: dns.message.QueryMessage, *_: Any, **__: Any) -> Any:
        wire = request.id.to_bytes(2, "big") + self.wire[2:]
        return dns.message.from_wire(wire, raise_on_truncation=True)


def _dns(data: bytes) -> object:
    """The kind of record that was asked for, and what a server sent back."""
    record_kind, wire = parts(data, 2)
    kind: RecordKind = "SRV" if record_kind == b"SRV" else "AAAA" if record_kind == b"AAAA" else "A"
    resolver = dns.asyncresolver.Resolver(configure=False)
    resolver.nameservers = [FixedNameserver(wire)]
    answer = finished(_query(resolver, NAME, kind, CLIENT, 0.01))
    if answer.failure is not None:
        raise Dropped("absent" if answer.is_absent else "failed")
    return answer


def _dns_corpus() -> Iterable[bytes]:
    soa = "example.com. 60 IN SOA ns.example.com. admin.example.com. 1 3600 600 86400 60"
    answers: Iterable[tuple[str, str, tuple[str, ...], str]] = (
        ("A", "NOERROR", (f"{NAME}. 30 IN A 192.0.2.1",), ""),
        ("AAAA", "NOERROR", (f"{NAME}. 30 IN AAAA 2001:db8::1",), ""),
        ("SRV", "NOERROR", (f"{NAME}. 30 IN SRV 10 60 443 fra.example.com.",), ""),
        ("A", "NOERROR", (f"{NAME}. 30 IN CNAME x.example.net.",), ""),
        ("A", "NOERROR", (f"{NAME}. 30 IN CNAME x.example.net.",), soa),
        (
            "A",
            "NOERROR",
            (f"{NAME}. 30 IN CNAME x.example.net.",),
            soa.replace("example.com. 60", "example.net. 60"),
        ),
        ("A", "NOERROR", (f"{NAME}. 30 IN CNAME {NAME}.",), ""),
        ("A", "NOERROR", (), soa),
        ("A", "NOERROR", (), ""),
        ("A", "NXDOMAIN", (), soa),
        ("A", "NXDOMAIN", (), ""),
        ("A", "SERVFAIL", (), ""),
        ("A", "YXDOMAIN", (), ""),
    )
    for kind, code, records, authority in answers:
        lines = [
            "id 1",
            "opcode QUERY",
            f"rcode {code}",
            "flags QR AA",
            ";QUESTION",
            f"{NAME}. IN {kind}",
        ]
        made = dns.message.from_text(
            "\n".join([*lines, ";ANSWER", *records, ";AUTHORITY", authority])
        )
        whole = made.to_wire()
        yield joined(kind.encode(), whole)
        yield joined(b"SRV", whole)
        for option in (("198.51.100.0", 24), ("203.0.113.0", 24), ("198.51.100.0", 16)):
            made.use_edns(0, options=[dns.edns.ECSOption(*option, 24)])
            yield joined(kind.encode(), made.to_wire())
        for at in range(12, len(whole), 9):
            yield joined(kind.encode(), whole[:at])
            yield joined(kind.encode(), whole[:at] + b"\xc0\x0c" + whole[at + 2 :])
    yield from after(b"A", (b"", b"\x00" * 12, b"\xff" * 40, b"\x00\x00\x82\x00" + b"\x00" * 8))


def _http(data: bytes) -> object:
    try:
        return read_http(data)
    except ValueError as error:
        raise Dropped("no_http") from error


class Obeying:
    """Who does whatever a running site is told."""

    async def kill(self, node: str, service: str | None) -> tuple[str, ...]:
        return (node, service or "all")

    start = kill


def _order(data: bytes) -> object:
    """What somebody says to a running site, by its socket."""
    answer = finished(Control(Obeying())._answer(data))
    if "refused" in answer:
        raise Dropped("refused")
    return answer


TARGETS = (
    Target(
        "answers.order",
        _order,
        lambda: (*varied({"do": "kill", "node": "alpha", "service": "relay"}), b'{"do":"start"}'),
        ("stack.control:Control._answer",),
        frozenset({"refused"}),
        slow="each input takes a turn of an event loop",
    ),
    Target(
        "answers.site",
        _site,
        _site_corpus,
        (
            *("shared.api.answer:read_answer", "shared.api.answer:refusal"),
            "shared.decoding.model:read_value",
        ),
        frozenset({"unavailable", "not_found", "error"}),
    ),
    Target(
        "answers.probes",
        _facts,
        _facts_corpus,
        ("shared.api.answer:read_answer",),
        frozenset({"nothing_to_measure", "unavailable"}),
    ),
    Target(
        "answers.options",
        _options,
        _options_corpus,
        ("clients.cli.select:_latency", "clients.cli.select:_offset"),
        frozenset({"bad_settings"}),
    ),
    Target(
        "answers.event",
        _event,
        lambda: (
            *varied({"node": "alpha", "text": "a b", "list": [1], "none": None}),
            *NO_JSON,
            encoded({"=": "="}),
        ),
        ("clients.events.rendering:as_line", "clients.events.rendering:as_object"),
        frozenset({"bad_shape", "bad_syntax", "not_text", "number_out_of_range", "too_deep"}),
    ),
    Target(
        "answers.dns",
        _dns,
        _dns_corpus,
        (
            *(
                "services.node_selector.dns.client:_query",
                "services.node_selector.dns.client:_failed",
            ),
            *(
                "services.node_selector.dns.answers:read",
                "services.node_selector.dns.answers:negative_answer",
            ),
        ),
        frozenset({"absent", "failed"}),
        slow="each input passes the library's resolver, which waits between two tries",
    ),
    Target(
        "answers.http",
        _http,
        lambda: (
            *(
                b"HTTP/1.1 200 OK\r\n\r\n{}",
                b"HTTP/1.1 503\r\n\r\n[]",
                b"",
                b"HTTP/1.1",
                b"x \xff y\r\n\r\n",
            ),
            *(b"HTTP/1.1 " + b"9" * 5_000, b"HTTP/1.1 \xc2\xb2 x\r\n\r\n"),
        ),
        ("stack.readiness:read_answer", "stack.readiness:_object"),
        frozenset({"no_http"}),
    ),
)
