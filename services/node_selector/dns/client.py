# pyright: reportUnknownMemberType=false
"""Sends one query to name servers; no other module sends.

A query carries the client's network as EDNS Client Subnet (RFC 7871), or no such option at all.
Aliases are followed, also into zones of other servers. Signatures are neither asked for nor
checked: the answer only ranks nodes of the site's own directory, it can name no other.
Whatever goes wrong is an answer too, with its sentence and a short life: no message that a server
could send, and no exception that it could lead dnspython to, leaves this module.
"""

from contextlib import suppress
from dataclasses import dataclass, replace
from typing import Any, Final, Protocol, cast

import dns.asyncresolver
import dns.edns
import dns.exception
import dns.flags
import dns.message
import dns.name
import dns.nameserver
import dns.resolver

from services.node_selector.dns.answers import (
    LONGEST_SECONDS,
    RecordKind,
    ServerAnswer,
    negative_answer,
    read,
)
from services.node_selector.dns.core.networks import Network
from shared.domain.containment import describe_error

Servers = tuple[tuple[str, int], ...]
"""Numbers and ports of name servers, in the order in which they are asked."""

PAYLOAD_BYTES: Final = 1_232
LONGEST_REASON: Final = 300
MOST_ZONES: Final = 8
"""Aliases lead through so many zones at most."""


class ZoneServerFinder(Protocol):
    """Finds the servers to ask for a name."""

    def of_this_machine(self) -> Servers:
        """Return the servers that this machine asks for anything.

        Raises:
            ServersUnknown: it has none.
        """
        ...

    async def servers_of(self, name: str, seconds: float) -> Servers:
        """Return the servers of the zone that *name* lies in.

        Raises:
            ServersUnknown: none was found; the message says why.
        """
        ...


class ServersUnknown(Exception):
    """The servers to ask were not found; the message is for an explanation."""


@dataclass(frozen=True, slots=True)
class DnsClient:
    """Resolves names at fixed servers, or at those of each name's own zone."""

    zones: ZoneServerFinder

    async def ask(
        self, name: str, kind: RecordKind, network: Network | None, fixed: Servers, seconds: float
    ) -> ServerAnswer:
        """Resolve *name* in at most *seconds*; it never raises."""
        answer, target = ServerAnswer(seconds=LONGEST_SECONDS), name
        passed: set[str] = set()
        while len(passed) < MOST_ZONES:
            passed.add(target)
            try:
                servers = fixed or await self.zones.servers_of(target, seconds)
            except ServersUnknown as error:
                return ServerAnswer(failure=f"{target}: {error}")
            resolver = _resolver(servers, network, seconds, recursive=bool(fixed))
            part = await _query(resolver, target, kind, network, seconds)
            answer = _after(answer, part)
            if part.records or part.failure is not None:
                return answer
            target = part.aliases[-1]
            if target in passed:
                return ServerAnswer(failure=f"{name}: its aliases lead in a circle, by {target}")
        return ServerAnswer(failure=f"{name}: its aliases lead from zone to zone without an end")


def timeout_reason(name: str, seconds: float) -> str:
    """Say that *name* was not answered in time."""
    return f"{name}: no answer within {seconds:g} s"


def _after(before: ServerAnswer, part: ServerAnswer) -> ServerAnswer:
    """Return *part* as the end of a chain of aliases that began with *before*."""
    scopes = [each for each in (before.scope_bits, part.scope_bits) if each is not None]
    return replace(
        part,
        aliases=(*before.aliases, *part.aliases),
        scope_bits=max(scopes, default=None),
        seconds=min(before.seconds, part.seconds),
    )


def _resolver(
    servers: Servers, network: Network | None, seconds: float, *, recursive: bool
) -> dns.asyncresolver.Resolver:
    """Build a resolver of *servers*; a zone's own servers get queries without recursion."""
    made = dns.asyncresolver.Resolver(configure=False)
    made.nameservers = [dns.nameserver.Do53Nameserver(host, port) for host, port in servers]
    made.timeout = seconds / min(len(servers) + 1, 3)
    made.flags = dns.flags.RD if recursive else dns.flags.Flag(0)
    made.use_edns(0, 0, PAYLOAD_BYTES, [] if network is None else [_option(network)])
    return made


async def _query(
    resolver: dns.asyncresolver.Resolver,
    name: str,
    kind: RecordKind,
    network: Network | None,
    seconds: float,
) -> ServerAnswer:
    try:
        question = dns.name.from_text(name)
        found = await resolver.resolve(
            question, kind, lifetime=seconds, search=False, raise_on_no_answer=False
        )
        return read(name, kind, found.response, network)
    except Exception as error:  # noqa: BLE001 - dnspython raises what a server's bytes lead it to
        return _failed(name, error, network, seconds)


def _failed(name: str, error: Exception, network: Network | None, seconds: float) -> ServerAnswer:
    """Build the answer that *error* gives for *name*."""
    if isinstance(error, dns.resolver.NXDOMAIN):
        with suppress(dns.exception.DNSException, ValueError, LookupError):
            return negative_answer(f"{name} does not exist (NXDOMAIN)", _response(error), network)
    if isinstance(error, dns.resolver.LifetimeTimeout):
        return ServerAnswer(failure=timeout_reason(name, seconds))
    if isinstance(error, dns.resolver.NoNameservers):
        return ServerAnswer(failure=f"{name}: {_refusals(error)}")
    return ServerAnswer(failure=f"{name}: {why(error)}")


def why(error: Exception) -> str:
    """Describe *error* in one line of bounded length."""
    text = describe_error(error)
    return text[:LONGEST_REASON] if text.isprintable() else ascii(text)[1 : LONGEST_REASON + 1]


def _response(error: dns.resolver.NXDOMAIN) -> dns.message.Message:
    """Return the one message that says so; nothing but the name itself is ever asked."""
    responses = cast("dict[dns.name.Name, dns.message.Message]", cast("Any", error).responses())
    return next(iter(responses.values()))


def _option(network: Network) -> dns.edns.Option:
    return dns.edns.ECSOption(str(network.network_address), network.prefixlen)


def _refusals(error: dns.resolver.NoNameservers) -> str:
    """List what the servers answered instead, each once."""
    errors = cast("list[tuple[Any, ...]]", error.kwargs["errors"])
    answers = [f"{_server(each[0])} answered {_answer(each[3])}" for each in errors]
    return ", ".join(dict.fromkeys(answers))[:LONGEST_REASON] or "no server can be asked"


def _answer(text: object) -> str:
    return why(text) if isinstance(text, Exception) else str(text)


def _server(text: object) -> str:
    return str(text).removeprefix("Do53:")
