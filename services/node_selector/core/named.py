"""Finds which nodes an answer of DNS names.

An A or AAAA record names a node by its number, an SRV record by its host and port; a node's public
address is a number or a host. Equal numbers name each other, so do equal hosts, aliases passed on
the way included, and so do a host and a number of which DNS said that they belong together.
Several nodes behind one record are equal before DNS: the next method decides among them.

How priorities and weights rank the nodes that were named is the method's own business.
"""

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from ipaddress import ip_address
from typing import Final

from shared.documents.node import Address
from shared.domain.ids import NodeId

TOLD_RECORDS: Final = 4
"""An explanation shows so many records, and counts the others."""


class Audience(StrEnum):
    """For whom an answer was made."""

    CLIENT = "client"
    EVERYBODY = "everybody"
    UNTOLD = "untold"


_AUDIENCES: Final[Mapping[Audience, str]] = {
    Audience.CLIENT: "",
    Audience.EVERYBODY: " to everybody, not for this client's network",
    Audience.UNTOLD: " to everybody; this client's address is not public, so it was not sent",
}


@dataclass(frozen=True, slots=True)
class Record:
    """One record: a host or a number, and for SRV also a port and who comes first."""

    host: str
    port: int | None = None
    priority: int = 0
    weight: int = 0

    def __str__(self) -> str:
        return self.host if self.port is None else f"{self.host}:{self.port}"


@dataclass(frozen=True, slots=True)
class LookedUp:
    """What DNS said of *name*: records, or why there are none.

    *aliases* are the names that led to an address; *numbers* says which addresses a host has, as
    far as somebody had to ask.
    """

    name: str
    records: tuple[Record, ...] = ()
    aliases: tuple[str, ...] = ()
    audience: Audience = Audience.EVERYBODY
    failure: str | None = None
    numbers: Mapping[str, frozenset[str]] = field(default_factory=dict[str, frozenset[str]])


def basis(found: LookedUp) -> str:
    """What DNS answered and to whom, for an explanation."""
    return found.failure or f"{answered(found)}{_AUDIENCES[found.audience]}"


def answered(found: LookedUp) -> str:
    """What DNS answered."""
    shown = ", ".join(str(record) for record in found.records[:TOLD_RECORDS])
    if len(found.records) > TOLD_RECORDS:
        shown += f" and {len(found.records) - TOLD_RECORDS} more"
    return f"{found.name} answered {shown}"


def named(found: LookedUp, addresses: Mapping[NodeId, Address]) -> dict[NodeId, Record]:
    """The nodes that *found* names by their public *addresses*, each with its best record."""
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


def unmatched(found: LookedUp, hosts: Collection[str]) -> frozenset[str]:
    """The names whose numbers must be known to say which of *hosts* the records name.

    Empty when every record names one of them by itself, so most answers need no further question.
    """
    ours = {plain(host) for host in hosts}
    lost = {
        name
        for names in (_names_of(record, found) for record in found.records)
        if ours.isdisjoint(names)
        for name in names
    }
    return frozenset(name for name in lost | ours if not is_number(name)) if lost else frozenset()


def is_number(host: str) -> bool:
    """Whether *host* is an address and no name."""
    return _number(host) is not None


def plain(host: str) -> str:
    """*host* as names and numbers are compared."""
    return _number(host) or host.lower().removesuffix(".")


def _number(host: str) -> str | None:
    """The usual form of *host* when it is an address."""
    try:
        return str(ip_address(host))
    except ValueError:
        return None


def _names_of(record: Record, found: LookedUp) -> frozenset[str]:
    return _names(record.host, found).union(found.aliases)


def _names(host: str, found: LookedUp) -> frozenset[str]:
    """Everything that *host* is known as: itself, and its numbers as far as they were asked."""
    host = plain(host)
    return found.numbers.get(host, frozenset[str]()) | {host}
