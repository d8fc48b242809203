"""Completes the facts of a session's ends: where each address is, and what DNS answers for it.

A failure is a fact as well: it stands in the explanation, and the next method decides.
"""

import asyncio
from collections.abc import Mapping
from typing import Protocol

from services.node_selector.core.facts import AddressLocation, End, Lookup
from shared.documents.node import NodeDocument
from shared.documents.selection import DnsLookup, Selection, SelectionMethod
from shared.domain.ids import NodeId
from shared.events.selection import ClientFacts

Nodes = Mapping[NodeId, NodeDocument]


class LooksUpNodes(Protocol):
    """Looks up in DNS which nodes a client is led to."""

    async def look_up(
        self, method: SelectionMethod, rule: DnsLookup, client: str, nodes: Nodes
    ) -> Lookup:
        """Return which of *nodes* the records of *rule* name to *client*; it never raises."""
        ...


class LocatesAddresses(Protocol):
    """Knows where in the world an address is."""

    def locate(self, address: str) -> AddressLocation:
        """Return the place of *address*, or why it is unknown; it never raises."""
        ...


class FactCollector:
    """Collects the facts that the methods of a rule need."""

    def __init__(self, locations: LocatesAddresses, dns: LooksUpNodes | None = None) -> None:
        self._locations = locations
        self._dns = dns

    async def collect(
        self, clients: tuple[ClientFacts, ...], rule: Selection, nodes: Nodes, before: str = ""
    ) -> tuple[End, ...]:
        """Complete the facts of *clients*, at the same time.

        DNS is not asked when *before*, a fact that precedes every method, decides already.
        """
        ends = (self._end(each, rule, nodes, before) for each in clients)
        return tuple(await asyncio.gather(*ends))

    async def _end(self, facts: ClientFacts, rule: Selection, nodes: Nodes, before: str) -> End:
        needs_place = SelectionMethod.GEO in rule.methods
        located = self._locations.locate(facts.address) if needs_place else AddressLocation()
        return End(
            address=facts.address,
            side=facts.side,
            utc_offset_minutes=facts.utc_offset_minutes,
            latencies_ms=facts.latencies_ms,
            latency_ages_seconds=facts.latency_ages_seconds,
            location=located.location,
            no_location=located.failure,
            lookups=_skip_lookups(rule, before)
            if before
            else await self._look_up(facts.address, rule, nodes),
            left_out=facts.left_out,
        )

    async def _look_up(
        self, address: str, rule: Selection, nodes: Nodes
    ) -> dict[SelectionMethod, Lookup]:
        needed = _needed_lookups(rule)
        if self._dns is None or not needed:
            return {}
        found = await asyncio.gather(
            *(
                self._dns.look_up(method, lookup, address, nodes)
                for method, lookup in needed.items()
            )
        )
        return dict(zip(needed, found, strict=True))


def _needed_lookups(rule: Selection) -> dict[SelectionMethod, DnsLookup]:
    """Return the lookups of the methods that *rule* names."""
    lookups = {
        SelectionMethod.A_RECORD: rule.a_record,
        SelectionMethod.SRV_RECORD: rule.srv_record,
    }
    return {
        method: lookup
        for method, lookup in lookups.items()
        if method in rule.methods and lookup is not None
    }


def _skip_lookups(rule: Selection, before: str) -> dict[SelectionMethod, Lookup]:
    failure = f"not looked up, because {before} comes first"
    return {method: Lookup(failure=failure) for method in _needed_lookups(rule)}
