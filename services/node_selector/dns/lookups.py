"""Looks up all that one placement needs of DNS, within its time and never twice at once.

Whoever asks what is being asked already waits for the same answer. Every answer is kept for as long
as it stands, a failure for a moment, so an ill name server costs each replica one wait and not one
for each client. Nothing here raises: what cannot be looked up is an answer that says so.
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
    """How much one replica keeps and asks.

    More than *in_flight* questions at once are not put: the next method decides, and says why.
    *at_once* are with the servers at one moment, each over a socket of its own; the others wait.
    """

    answers: int = 100_000
    in_flight: int = 5_000
    at_once: int = 200


class DnsResolver(Protocol):
    """Puts one question to name servers."""

    async def ask(
        self, name: str, kind: RecordKind, network: Network | None, fixed: Servers, seconds: float
    ) -> ServerAnswer: ...


class OwnServers(Protocol):
    """Who knows this machine's name servers."""

    def of_this_machine(self) -> Servers: ...


@dataclass(frozen=True, slots=True)
class Question:
    """What is asked, and of whom: of *servers*, or of the zone's own when there are none."""

    name: str
    kind: RecordKind
    servers: Servers


@dataclass(frozen=True, slots=True)
class Wait:
    """How long one question may take, and until when a placement waits for all of its own."""

    seconds: float
    until: Instant


Flight = tuple[Question, Network | None]


class DnsLookups:
    """The questions of one replica, in flight and answered."""

    def __init__(
        self,
        asker: DnsResolver,
        own: OwnServers,
        clock: Clock,
        containment: Containment,
        limits: Limits | None = None,
    ) -> None:
        self._asker = asker
        self._own = own
        self._clock = clock
        self._containment = containment
        self._limits = limits or Limits()
        self._kept: ScopedCache[Question, ServerAnswer] = ScopedCache(self._limits.answers)
        self._flights: dict[Flight, asyncio.Task[ServerAnswer]] = {}
        self._room = asyncio.Semaphore(self._limits.at_once)

    async def look_up(
        self, method: SelectionMethod, rule: DnsLookup, client: str, hosts: Collection[str]
    ) -> DnsAnswer:
        """What DNS says to the client at address *client* by *rule*, to be matched with *hosts*."""
        servers = tuple((str(each.address), each.port) for each in rule.resolvers)
        seconds = min(rule.timeout_seconds, LONGEST_LOOKUP_SECONDS)
        wait = Wait(seconds, Instant(self._clock.now() + seconds))
        network = disclosed_network(parse_address(client))
        questions = [Question(rule.name, kind, servers) for kind in KINDS[method]]
        found = _found(rule.name, await self._all(questions, network, wait), network)
        if found.failure is not None:
            return found
        return replace(found, numbers=await self._numbers(found, hosts, wait))

    async def _numbers(
        self, found: DnsAnswer, hosts: Collection[str], wait: Wait
    ) -> dict[str, frozenset[str]]:
        """The addresses that *found* and *hosts* need to be matched; empty for most answers.

        This machine's servers are asked: those of the rule may know nothing but their own zone.
        """
        names = hosts_to_resolve(found, hosts)
        try:
            servers = self._own.of_this_machine() if names else ()
        except ServersUnknown:
            return {}
        questions = [Question(name, kind, servers) for name in names for kind in ADDRESSES]
        numbers: dict[str, frozenset[str]] = {}
        answers = await self._all(questions, None, wait)
        for question, said in zip(questions, answers, strict=True):
            known = numbers.get(question.name, frozenset[str]())
            numbers[question.name] = known | {record.host for record in said.records}
        return numbers

    async def _all(
        self, questions: Iterable[Question], network: Network | None, wait: Wait
    ) -> list[ServerAnswer]:
        return await asyncio.gather(*(self._one(each, network, wait) for each in questions))

    async def _one(self, question: Question, network: Network | None, wait: Wait) -> ServerAnswer:
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
        """Put a question as a task; a fault is a failed lookup, and concerns no other."""
        name = flight[0].name
        return self._containment.start(
            "lookup",
            name,
            self._fly(flight, seconds),
            lambda cause: ServerAnswer(failure=f"{name}: {cause}"),
        )

    async def _fly(self, flight: Flight, seconds: float) -> ServerAnswer:
        """Put a question; it goes on for those who come later when nobody waits for it any more."""
        question, network = flight
        try:
            async with asyncio.timeout(seconds), self._room:
                said = await self._asker.ask(
                    question.name, question.kind, network, question.servers, seconds
                )
        except TimeoutError:
            said = ServerAnswer(failure=timeout_reason(question.name, seconds))
        finally:
            del self._flights[flight]
        self._keep(flight, said)
        return said

    def _keep(self, flight: Flight, said: ServerAnswer) -> None:
        """Keep *said* for those whom it is for; a failure concerns everybody."""
        question, network = flight
        until = Instant(self._clock.now() + said.seconds)
        if network is not None:
            network = scoped(network, said.scope_bits or 0)
        self._kept.keep(question, network, said, until)


def _found(name: str, answers: Iterable[ServerAnswer], network: Network | None) -> DnsAnswer:
    """What the answers to the questions of one method say together."""
    answers = list(answers)
    good = [said for said in answers if said.records]
    if not good:
        return DnsAnswer(name, failure=_failure(name, answers))
    records = dict.fromkeys(record for said in good for record in said.records)
    aliases = dict.fromkeys(alias for said in good for alias in said.aliases)
    kinds_are_addresses = all(record.port is None for record in records)
    return DnsAnswer(
        name,
        records=tuple(records),
        aliases=tuple(aliases) if kinds_are_addresses else (),
        audience=_audience(good, network),
    )


def _failure(name: str, answers: list[ServerAnswer]) -> str:
    """Why there are no records: a server's trouble is told before a type that is not there."""
    trouble = next((said for said in answers if not said.is_absent), answers[0])
    assert trouble.failure is not None, "an answer without records says why"
    if trouble.is_absent and len(answers) > 1 and "NXDOMAIN" not in trouble.failure:
        return f"{name} has no address"
    return trouble.failure


def _audience(good: list[ServerAnswer], network: Network | None) -> Audience:
    if network is None:
        return Audience.UNKNOWN
    return Audience.CLIENT if any(said.scope_bits for said in good) else Audience.EVERYBODY
