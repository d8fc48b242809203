"""Finds which nodes an answer of DNS names.

An A or AAAA record names a node by its IP address, an SRV record by its host and port; a node's
public address is an IP address or a host. Equal addresses match, and so do equal hosts, including
the aliases on the way, and a host with an address that DNS gave for it.
Several nodes behind one record are equal for DNS: the next method decides among them.

How priorities and weights rank these nodes is decided in `dns_methods`.
"""

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from ipaddress import ip_address
from typing import Final

from shared.documents.node import Address
from shared.domain.ids import NodeId

SHOWN_RECORDS: Final = 4
"""Records that an explanation shows; it counts the others."""


class Audience(StrEnum):
    """The clients for whom the server made an answer."""

    CLIENT = "client"
    EVERYBODY = "everybody"
    UNKNOWN = "unknown"


_AUDIENCES: Final[Mapping[Audience, str]] = {
    Audience.CLIENT: "",
    Audience.EVERYBODY: " to everybody, not for this client's network",
    Audience.UNKNOWN: " to everybody; this client's address is not public, so it was not sent",
}


@dataclass(frozen=True, slots=True)
class Record:
    """One record: a host or an IP address; for SRV also port, priority and weight."""

    host: str
    port: int | None = None
    priority: int = 0
    weight: int = 0

    def __str__(self) -> str:
        return self.host if self.port is None else f"{self.host}:{self.port}"


@dataclass(frozen=True, slots=True)
class DnsAnswer:
    """The answer of DNS for *name*: records, or why there are none.

    *aliases* are the names that led to an address; *numbers* are the IP addresses of the hosts that
    had to be resolved.
    """

    name: str
    records: tuple[Record, ...] = ()
    aliases: tuple[str, ...] = ()
    audience: Audience = Audience.EVERYBODY
    failure: str | None = None
    numbers: Mapping[str, frozenset[str]] = field(default_factory=dict[str, frozenset[str]])


def describe_basis(found: DnsAnswer) -> str:
    """Say what DNS answered and to whom, for an explanation."""
    return found.failure or f"{describe_answer(found)}{_AUDIENCES[found.audience]}"


def describe_answer(found: DnsAnswer) -> str:
    """Say what DNS answered."""
    shown = ", ".join(str(record) for record in found.records[:SHOWN_RECORDS])
    if len(found.records) > SHOWN_RECORDS:
        shown += f" and {len(found.records) - SHOWN_RECORDS} more"
    return f"{found.name} answered {shown}"


def match_nodes(found: DnsAnswer, addresses: Mapping[NodeId, Address]) -> dict[NodeId, Record]:
    """Return the nodes whose public *addresses* *found* names, each with its best record."""
    known_as: dict[str, list[NodeId]] = {}
    for node, address in addresses.items():
        for name in _names(address.host, found):
            known_as.setdefault(name, []).append(node)
    best: dict[NodeId, Record] = {}
    for record in sorted(found.records, key=lambda each: each.priority):
        for name in _names_of(record, found):
            for node in known_as.get(name, ()):
                if record.port in {None, addresses[node].port}:
                    best.setdefault(node, record)
    return best


def hosts_to_resolve(found: DnsAnswer, hosts: Collection[str]) -> frozenset[str]:
    """Return the names to resolve before the records can be matched with *hosts*.

    Empty when every record names one of *hosts* itself, so most answers need no further lookup.
    """
    ours = {normalise_host(host) for host in hosts}
    lost = {
        name
        for names in (_names_of(record, found) for record in found.records)
        if ours.isdisjoint(names)
        for name in names
    }
    return frozenset(name for name in lost | ours if not is_number(name)) if lost else frozenset()


def is_number(host: str) -> bool:
    """Say whether *host* is an IP address."""
    return _canonical_address(host) is not None


def normalise_host(host: str) -> str:
    """Normalise *host* for comparison."""
    return _canonical_address(host) or host.lower().removesuffix(".")


def _canonical_address(host: str) -> str | None:
    """Return the canonical form of an IP address; None for a name."""
    try:
        return str(ip_address(host))
    except ValueError:
        return None


def _names_of(record: Record, found: DnsAnswer) -> frozenset[str]:
    return _names(record.host, found).union(found.aliases)


def _names(host: str, found: DnsAnswer) -> frozenset[str]:
    """Return *host* and its IP addresses, as far as they were resolved."""
    host = normalise_host(host)
    return found.numbers.get(host, frozenset[str]()) | {host}
