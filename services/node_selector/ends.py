"""Finds out what selection must know of an end and nobody has told: its place, what DNS says to it.

A failure is a fact as well: it stands in the explanation, and the next method decides.
"""

import asyncio
from collections.abc import Mapping
from typing import Protocol

from services.node_selector.core.facts import End, Located, Lookup
from shared.documents.node import NodeDocument
from shared.documents.selection import DnsLookup, Selection, SelectionMethod
from shared.domain.ids import NodeId
from shared.events.selection import ClientFacts

Nodes = Mapping[NodeId, NodeDocument]


class Names(Protocol):
    """DNS, asked for a client."""

    async def look_up(
        self, method: SelectionMethod, rule: DnsLookup, client: str, nodes: Nodes
    ) -> Lookup:
        """Which of *nodes* the records of *rule* name to *client*; a failure is no exception."""
        ...


class Places(Protocol):
    """Where in the world an address is."""

    def locate(self, address: str) -> Located:
        """The place of *address*; not knowing it is no exception."""
        ...


class Ends:
    """Completes what is known of ends."""

    def __init__(self, places: Places, names: Names | None = None) -> None:
        self._places = places
        self._names = names

    async def known(
        self, told: tuple[ClientFacts, ...], rule: Selection, nodes: Nodes, before: str = ""
    ) -> tuple[End, ...]:
        """Each end that *told* of itself, with what the methods of *rule* ask for.

        Nobody waits for DNS when something that comes *before* the methods decides already.
        """
        known = (self._known(each, rule, nodes, before) for each in told)
        return tuple(await asyncio.gather(*known))

    async def _known(self, facts: ClientFacts, rule: Selection, nodes: Nodes, before: str) -> End:
        is_placed = SelectionMethod.GEO in rule.methods
        located = self._places.locate(facts.address) if is_placed else Located()
        return End(
            address=facts.address,
            side=facts.side,
            utc_offset_minutes=facts.utc_offset_minutes,
            latencies_ms=facts.latencies_ms,
            latency_ages_seconds=facts.latency_ages_seconds,
            location=located.location,
            no_location=located.failure,
            lookups=_not_asked(rule, before)
            if before
            else await self._looked_up(facts.address, rule, nodes),
            left_out=facts.left_out,
        )

    async def _looked_up(
        self, address: str, rule: Selection, nodes: Nodes
    ) -> dict[SelectionMethod, Lookup]:
        wanted = _wanted(rule)
        if self._names is None or not wanted:
            return {}
        found = await asyncio.gather(
            *(
                self._names.look_up(method, lookup, address, nodes)
                for method, lookup in wanted.items()
            )
        )
        return dict(zip(wanted, found, strict=True))


def _wanted(rule: Selection) -> dict[SelectionMethod, DnsLookup]:
    """The lookups of the methods that *rule* names."""
    lookups = {
        SelectionMethod.A_RECORD: rule.a_record,
        SelectionMethod.SRV_RECORD: rule.srv_record,
    }
    return {
        method: lookup
        for method, lookup in lookups.items()
        if method in rule.methods and lookup is not None
    }


def _not_asked(rule: Selection, before: str) -> dict[SelectionMethod, Lookup]:
    failure = f"not looked up, because {before} comes first"
    return {method: Lookup(failure=failure) for method in _wanted(rule)}
