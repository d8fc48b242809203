"""Finds which nodes DNS names to a client: looks up the records and matches them with nodes."""

from collections.abc import Mapping
from typing import Protocol

from services.node_selector.core.dns_matching import (
    DnsAnswer,
    describe_answer,
    describe_basis,
    match_nodes,
)
from services.node_selector.core.facts import DnsRank, Lookup
from shared.documents.node import NodeDocument
from shared.documents.selection import DnsLookup, SelectionMethod
from shared.domain.ids import NodeId


class RecordLookup(Protocol):
    """Looks up records at name servers."""

    async def look_up(
        self, method: SelectionMethod, rule: DnsLookup, client: str, hosts: tuple[str, ...]
    ) -> DnsAnswer: ...


class NodeLookup:
    """Looks up nodes by their records in DNS."""

    def __init__(self, lookups: RecordLookup) -> None:
        self._lookups = lookups

    async def look_up(
        self,
        method: SelectionMethod,
        rule: DnsLookup,
        client: str,
        nodes: Mapping[NodeId, NodeDocument],
    ) -> Lookup:
        """Return which of *nodes* the records of *rule* name to *client*; it never raises."""
        addresses = {
            node: document.public_address
            for node, document in nodes.items()
            if document.public_address is not None
        }
        hosts = tuple(address.host for address in addresses.values())
        found = await self._lookups.look_up(method, rule, client, hosts)
        if found.failure is not None:
            return Lookup(failure=found.failure)
        records = match_nodes(found, addresses)
        if not records:
            return Lookup(failure=f"{describe_answer(found)}, which is no node's public address")
        return Lookup(
            nodes={node: DnsRank(each.priority, each.weight) for node, each in records.items()},
            basis=describe_basis(found),
        )
