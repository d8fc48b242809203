# pyright: reportUnknownMemberType=false, reportUnknownVariableType=false
# pyright: reportUnknownArgumentType=false
"""Reads a name server's answer: records or why there are none, for whom, and for how long.

Negative answers last as long as the zone's SOA says (RFC 2308); every answer has a longest life.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from ipaddress import ip_network
from typing import Any, Final, Literal, cast

import dns.edns
import dns.message
import dns.name
import dns.rdatatype
import dns.rdtypes.IN.SRV
import dns.rrset

from services.node_selector.core.dns_matching import Record
from services.node_selector.dns.core.networks import Network

RecordKind = Literal["A", "AAAA", "SRV"]

LONGEST_SECONDS: Final = 3_600.0
LONGEST_NEGATIVE_SECONDS: Final = 300.0
FAILED_SECONDS: Final = 5.0
"""How long a failure stands: long enough to spare a server that is ill (RFC 9520)."""


@dataclass(frozen=True, slots=True)
class ServerAnswer:
    """An answer: records or the reason why there are none, for whom, and for how long.

    *scope_bits* is None where the server named no scope; *is_absent*: the name or the type does
    not exist.
    """

    records: tuple[Record, ...] = ()
    aliases: tuple[str, ...] = ()
    scope_bits: int | None = None
    seconds: float = FAILED_SECONDS
    failure: str | None = None
    is_absent: bool = False


def read(
    name: str, kind: RecordKind, response: dns.message.QueryMessage, network: Network | None
) -> ServerAnswer:
    """Read what *response* answers for *name* to a client in *network*.

    Aliases without records lead to a name that is asked for by itself.
    """
    chain = response.resolve_chaining()
    aliases = tuple(_text(cast("Any", rrset[0]).target) for rrset in chain.cnames)
    if chain.answer is None and (not aliases or _ends(chain, response)):
        return negative_answer(f"{name} has no {kind} record", response, network)
    scope = _scope(response, network)
    if isinstance(scope, str):
        return ServerAnswer(failure=f"{name}: {scope}")
    return ServerAnswer(
        records=tuple(_records(chain.answer)) if chain.answer is not None else (),
        aliases=aliases,
        scope_bits=scope,
        seconds=min(chain.minimum_ttl, LONGEST_SECONDS),
    )


def _ends(chain: dns.message.ChainingResult, response: dns.message.Message) -> bool:
    """Say whether the server answers for the zone of the last name, and has no record of it.

    The SOA of the zone that holds the alias says nothing of where the alias leads, not even when
    that name lies below: it may be in a zone of its own, on other servers.
    """
    alias, target = chain.cnames[-1].name, chain.canonical_name
    return any(
        target.is_subdomain(each.name) and not alias.is_subdomain(each.name)
        for each in response.authority
        if each.rdtype == dns.rdatatype.SOA
    )


def negative_answer(
    failure: str, response: dns.message.Message, network: Network | None
) -> ServerAnswer:
    """Build a negative answer; without the zone's SOA it lasts a moment (RFC 2308)."""
    scope, seconds = _scope(response, network), FAILED_SECONDS
    if _has_soa(response) and isinstance(response, dns.message.QueryMessage):
        seconds = min(response.resolve_chaining().minimum_ttl, LONGEST_NEGATIVE_SECONDS)
    bits = None if isinstance(scope, str) else scope
    return ServerAnswer(scope_bits=bits, seconds=seconds, failure=failure, is_absent=True)


def _scope(response: dns.message.Message, network: Network | None) -> int | str | None:
    """Return whom *response* is for; a sentence when it answers another question than was put."""
    options = [each for each in response.options if isinstance(each, dns.edns.ECSOption)]
    if network is None or not options:
        return None
    option = options[0]
    theirs = ip_network(f"{option.address}/{option.srclen}", strict=False)
    if theirs != network:
        return f"the server answered for {theirs}, not for {network}"
    return option.scopelen


def _records(rrset: dns.rrset.RRset) -> Iterable[Record]:
    for each in rrset:
        if each.rdtype == dns.rdatatype.SRV:
            srv = cast("dns.rdtypes.IN.SRV.SRV", each)
            yield Record(_text(srv.target), srv.port, srv.priority, srv.weight)
        else:
            yield Record(each.to_text())


def _has_soa(response: dns.message.Message) -> bool:
    return any(each.rdtype == dns.rdatatype.SOA for each in response.authority)


def _text(name: dns.name.Name) -> str:
    return name.to_text(omit_final_dot=True).lower()
