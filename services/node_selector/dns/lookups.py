"""Looks up all that one placement needs of DNS, within its time and never twice at once.

Equal queries that run at the same time share one answer. Every answer is cached for its life, a
failure for a moment, so a broken name server costs each replica one wait and not one for each
client. Nothing here raises: a lookup that fails returns an answer with its failure.
"""

import asyncio
from collections.abc import Collection, Iterable
from dataclasses import dataclass, replace
from typing import Final, Protocol

from services.node_selector.core.dns_matching import Audience, DnsAnswer, hosts_to_resolve
from services.node_selector.core.prefixes import parse_address
from services.node_selector.dns.answers import RecordKind, ServerAnswer
from services.node_selector.dns.client import Servers, ServersUnknown, timeout_reason
from services.node_selector.dns.core.cache import ScopedCache
from services.node_selector.dns.core.networks import Network, disclosed_network, scoped
from shared.documents.selection import LONGEST_LOOKUP_SECONDS, DnsLookup, SelectionMethod
from shared.domain.ids import Instant
from shared.runtime.clock import Clock
from shared.runtime.containment import Containment

KINDS: Final[dict[SelectionMethod, tuple[RecordKind, ...]]] = {
    SelectionMethod.A_RECORD: ("A", "AAAA"),
    SelectionMethod.SRV_RECORD: ("SRV",),
}
ADDRESSES: Final = KINDS[SelectionMethod.A_RECORD]


@dataclass(frozen=True, slots=True)
class Limits:
    """The limits of one replica: how many answers it caches and how many queries it sends.

    Beyond *in_flight* queries a lookup fails at once, and the next method decides. *at_once* of
    them are with the servers, each over a socket of its own; the others wait.
    """

    answers: int = 100_000
    in_flight: int = 5_000
    at_once: int = 200


class DnsResolver(Protocol):
    """Sends one query to name servers."""

    async def ask(
        self, name: str, kind: RecordKind, network: Network | None, fixed: Servers, seconds: float
    ) -> ServerAnswer: ...


class OwnServers(Protocol):
    """Knows this machine's name servers."""

    def of_this_machine(self) -> Servers: ...


@dataclass(frozen=True, slots=True)
class DnsQuestion:
    """A question to *servers*, or to the zone's own servers when there are none."""

    name: str
    kind: RecordKind
    servers: Servers


@dataclass(frozen=True, slots=True)
class LookupWait:
    """The time limit of one question, and until when a placement waits for all of its own."""

    seconds: float
    until: Instant


Flight = tuple[DnsQuestion, Network | None]


class DnsLookups:
    """The queries of one replica, in flight and cached."""

    def __init__(
        self,
        resolver: DnsResolver,
        own: OwnServers,
        clock: Clock,
        containment: Containment,
        limits: Limits | None = None,
    ) -> None:
        self._resolver = resolver
        self._own = own
        self._clock = clock
        self._containment = containment
        self._limits = limits or Limits()
        self._kept: ScopedCache[DnsQuestion, ServerAnswer] = ScopedCache(self._limits.answers)
        self._flights: dict[Flight, asyncio.Task[ServerAnswer]] = {}
        self._room = asyncio.Semaphore(self._limits.at_once)

    async def look_up(
        self, method: SelectionMethod, rule: DnsLookup, client: str, hosts: Collection[str]
    ) -> DnsAnswer:
        """Look up *rule* for the client at address *client*, to be matched with *hosts*."""
        servers = tuple((str(each.address), each.port) for each in rule.resolvers)
        seconds = min(rule.timeout_seconds, LONGEST_LOOKUP_SECONDS)
        wait = LookupWait(seconds, Instant(self._clock.now() + seconds))
        network = disclosed_network(parse_address(client))
        questions = [DnsQuestion(rule.name, kind, servers) for kind in KINDS[method]]
        found = _merge_answers(rule.name, await self._all(questions, network, wait), network)
        if found.failure is not None:
            return found
        return replace(found, numbers=await self._numbers(found, hosts, wait))

    async def _numbers(
        self, found: DnsAnswer, hosts: Collection[str], wait: LookupWait
    ) -> dict[str, frozenset[str]]:
        """Resolve the addresses needed to match *found* with *hosts*; most answers need none.

        This machine's servers resolve them: those of the rule may know only their own zone.
        """
        names = hosts_to_resolve(found, hosts)
        try:
            servers = self._own.of_this_machine() if names else ()
        except ServersUnknown:
            return {}
        questions = [DnsQuestion(name, kind, servers) for name in names for kind in ADDRESSES]
        numbers: dict[str, frozenset[str]] = {}
        answers = await self._all(questions, None, wait)
        for question, answer in zip(questions, answers, strict=True):
            known = numbers.get(question.name, frozenset[str]())
            numbers[question.name] = known | {record.host for record in answer.records}
        return numbers

    async def _all(
        self, questions: Iterable[DnsQuestion], network: Network | None, wait: LookupWait
    ) -> list[ServerAnswer]:
        return await asyncio.gather(*(self._one(each, network, wait) for each in questions))

    async def _one(
        self, question: DnsQuestion, network: Network | None, wait: LookupWait
    ) -> ServerAnswer:
        kept = self._kept.find(question, network, self._clock.now())
        if kept is not None:
            return kept
        flight = (question, network)
        task = self._flights.get(flight)
        if task is None:
            if len(self._flights) >= self._limits.in_flight:
                return ServerAnswer(failure=f"{question.name}: too many questions are in flight")
            task = self._start(flight, wait.seconds)
            self._flights[flight] = task
        try:
            async with asyncio.timeout(wait.until - self._clock.now()):
                return await asyncio.shield(task)
        except TimeoutError:
            return ServerAnswer(failure=timeout_reason(question.name, wait.seconds))

    def _start(self, flight: Flight, seconds: float) -> "asyncio.Task[ServerAnswer]":
        """Send a query as a task; a fault fails this lookup and no other."""
        name = flight[0].name
        return self._containment.start(
            "lookup",
            name,
            self._send(flight, seconds),
            lambda cause: ServerAnswer(failure=f"{name}: {cause}"),
        )

    async def _send(self, flight: Flight, seconds: float) -> ServerAnswer:
        """Send a query; it continues without a waiter, and later callers use its answer."""
        question, network = flight
        try:
            async with asyncio.timeout(seconds), self._room:
                answer = await self._resolver.ask(
                    question.name, question.kind, network, question.servers, seconds
                )
        except TimeoutError:
            answer = ServerAnswer(failure=timeout_reason(question.name, seconds))
        finally:
            del self._flights[flight]
        self._keep(flight, answer)
        return answer

    def _keep(self, flight: Flight, answer: ServerAnswer) -> None:
        """Cache *answer* for the clients that it serves; a failure concerns all."""
        question, network = flight
        until = Instant(self._clock.now() + answer.seconds)
        if network is not None:
            network = scoped(network, answer.scope_bits or 0)
        self._kept.keep(question, network, answer, until)


def _merge_answers(
    name: str, answers: Iterable[ServerAnswer], network: Network | None
) -> DnsAnswer:
    """Merge the answers to the queries of one method."""
    answers = list(answers)
    good = [answer for answer in answers if answer.records]
    if not good:
        return DnsAnswer(name, failure=_failure(name, answers))
    records = dict.fromkeys(record for answer in good for record in answer.records)
    aliases = dict.fromkeys(alias for answer in good for alias in answer.aliases)
    kinds_are_addresses = all(record.port is None for record in records)
    return DnsAnswer(
        name,
        records=tuple(records),
        aliases=tuple(aliases) if kinds_are_addresses else (),
        audience=_audience(good, network),
    )


def _failure(name: str, answers: list[ServerAnswer]) -> str:
    """Say why there are no records: a server's failure comes before an absent type."""
    trouble = next((answer for answer in answers if not answer.is_absent), answers[0])
    assert trouble.failure is not None, "an answer without records says why"
    if trouble.is_absent and len(answers) > 1 and "NXDOMAIN" not in trouble.failure:
        return f"{name} has no address"
    return trouble.failure


def _audience(good: list[ServerAnswer], network: Network | None) -> Audience:
    if network is None:
        return Audience.UNKNOWN
    return Audience.CLIENT if any(answer.scope_bits for answer in good) else Audience.EVERYBODY
