"""Whatever a name server answers is records or one sentence; nothing leaves the lookup."""

import asyncio
import random
from collections.abc import AsyncGenerator, Callable, Mapping
from contextlib import asynccontextmanager
from ipaddress import IPv4Network
from typing import Any

import dns.edns
import dns.message
import dns.rcode
import dns.rrset
import pytest

from services.node_selector.core.dns_matching import Record
from services.node_selector.dns.answers import ServerAnswer
from services.node_selector.dns.client import DnsClient, Servers
from services.node_selector.dns.zone_servers import ZoneServers
from shared.runtime.clock import SystemClock

pytestmark = pytest.mark.integration

NAME = "nodes.example.com"
SOA = "example.com. 60 IN SOA ns.example.com. admin.example.com. 1 3600 600 86400 60"
CLIENT = IPv4Network("198.51.100.0/24")
SECONDS = 0.4

Answer = Callable[[dns.message.Message], bytes]


class Responder(asyncio.DatagramProtocol):
    """Answers each question with what *answer* makes of it."""

    def __init__(self, answer: Answer) -> None:
        self._answer = answer
        self._transport: Any = None
        self.asked: list[str] = []

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = transport

    def datagram_received(self, data: bytes, addr: tuple[str | Any, int]) -> None:
        question = dns.message.from_wire(data)
        self.asked.append(question.question[0].name.to_text())
        self._transport.sendto(self._answer(question), addr)


@asynccontextmanager
async def responding(answer: Answer) -> AsyncGenerator[tuple[Responder, Servers]]:
    loop = asyncio.get_running_loop()
    transport, responder = await loop.create_datagram_endpoint(
        lambda: Responder(answer), local_addr=("127.0.0.1", 0)
    )
    try:
        yield responder, (transport.get_extra_info("sockname")[:2],)
    finally:
        transport.close()


async def ask(answer: Answer, seconds: float = SECONDS) -> tuple[ServerAnswer, list[str]]:
    client = DnsClient(ZoneServers(SystemClock()))
    async with responding(answer) as (responder, servers):
        answered = await client.ask(NAME, "A", CLIENT, servers, seconds)
    return answered, responder.asked


def records(
    question: dns.message.Message, *lines: str, authority: str = "", rcode: int = dns.rcode.NOERROR
) -> bytes:
    """An answer with *lines*."""
    made = dns.message.make_response(question)
    made.set_rcode(dns.rcode.Rcode(rcode))
    sections = [(made.answer, line) for line in lines]
    if authority:
        sections.append((made.authority, authority))
    for section, line in sections:
        name, ttl, rdclass, rdtype, *rest = line.split()
        section.append(dns.rrset.from_text(name, int(ttl), rdclass, rdtype, " ".join(rest)))
    return made.to_wire()


def by_name(answers: Mapping[str, tuple[str, ...]], authority: str = "") -> Answer:
    def answer(question: dns.message.Message) -> bytes:
        found = answers.get(question.question[0].name.to_text(), ())
        return records(question, *found, authority=authority)

    return answer


async def test_an_alias_beside_the_soa_of_its_zone_is_followed() -> None:
    answers = {
        f"{NAME}.": (f"{NAME}. 60 IN CNAME fra.example.net.",),
        "fra.example.net.": ("fra.example.net. 60 IN A 192.0.2.1",),
    }
    answered, asked = await ask(by_name(answers, SOA))

    assert (answered.records, answered.aliases) == ((Record("192.0.2.1"),), ("fra.example.net",))
    assert asked == [f"{NAME}.", "fra.example.net."]


async def test_aliases_in_a_circle_are_asked_once_each() -> None:
    answers = {
        f"{NAME}.": (f"{NAME}. 60 IN CNAME a.example.net.",),
        "a.example.net.": ("a.example.net. 60 IN CNAME b.example.org.",),
        "b.example.org.": (f"b.example.org. 60 IN CNAME {NAME}.",),
    }
    answered, asked = await ask(by_name(answers))

    assert answered.failure == f"{NAME}: its aliases lead in a circle, by {NAME}"
    assert len(asked) == 3


async def test_aliases_without_an_end_are_left() -> None:
    def answer(question: dns.message.Message) -> bytes:
        name = question.question[0].name.to_text()
        return records(question, f"{name} 60 IN CNAME x{name[-200:].lstrip('.')}")

    answered, asked = await ask(answer, seconds=2)

    assert answered.failure == f"{NAME}: its aliases lead from zone to zone without an end"
    assert len(asked) == 8


CIRCLE = (f"{NAME}. 9 IN CNAME a.example.com.", f"a.example.com. 9 IN CNAME {NAME}.")
CHAIN = tuple(f"c{n}.example.com. 9 IN CNAME c{n + 1}.example.com." for n in range(40))
HOSTILE: dict[str, Answer] = {
    "nothing": lambda _: b"",
    "one byte": lambda _: b"\0",
    "the question itself": lambda question: question.to_wire(),
    "an answer cut short": lambda question: records(question, f"{NAME}. 9 IN A 192.0.2.1")[:-3],
    "bytes after the end": lambda question: records(question) + b"\0" * 40,
    "a pointer to itself": lambda question: records(question)[:12] + b"\xc0\x0c" * 20,
    "a circle in one answer": lambda question: records(question, *CIRCLE),
    "a long chain": lambda question: records(
        question, f"{NAME}. 9 IN CNAME c0.example.com.", *CHAIN
    ),
    "a name that is not there, with an answer": lambda question: records(
        question, f"{NAME}. 9 IN A 192.0.2.1", rcode=dns.rcode.NXDOMAIN
    ),
    "a name that is too long": lambda question: records(question, rcode=dns.rcode.YXDOMAIN),
    "a refusal": lambda question: records(question, rcode=dns.rcode.REFUSED),
    "an unknown code": lambda question: records(question, rcode=3_000),
    "another question": lambda question: records(
        dns.message.make_query("other.example.com", "A", id=question.id)
    ),
}


@pytest.mark.parametrize("answer", HOSTILE.values(), ids=HOSTILE)
async def test_an_answer_of_nobody_is_one_sentence(answer: Answer) -> None:
    answered, _ = await ask(answer)

    assert answered.records == ()
    assert answered.failure
    assert answered.failure.isprintable()
    assert len(answered.failure) < 700


async def test_no_damage_of_an_answer_leaves_the_lookup() -> None:
    """Bytes of a whole answer, changed one after the other."""
    chance = random.Random(7)

    def answer(question: dns.message.Message) -> bytes:
        question.use_edns(0, options=[dns.edns.ECSOption("198.51.100.0", 24, 20)])
        whole = bytearray(records(question, f"{NAME}. 9 IN CNAME a.example.com.", authority=SOA))
        for _ in range(3):
            whole[chance.randrange(2, len(whole))] = chance.randrange(256)
        return bytes(whole)

    client = DnsClient(ZoneServers(SystemClock()))
    async with responding(answer) as (_, servers):
        found = await asyncio.gather(
            *(client.ask(NAME, "A", CLIENT, servers, SECONDS) for _ in range(400))
        )

    assert all(answered.records or answered.failure for answered in found)
