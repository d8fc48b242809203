"""Says which nodes DNS names to a client: the lookup, and the nodes behind its records."""

from collections.abc import Mapping
from typing import Protocol

from services.node_selector.core.facts import Lookup, Named
from services.node_selector.core.named import LookedUp, answered, basis, named
from shared.documents.node import NodeDocument
from shared.documents.selection import DnsLookup, SelectionMethod
from shared.domain.ids import NodeId


class LooksUp(Protocol):
    """Who asks name servers."""

    async def look_up(
        self, method: SelectionMethod, rule: DnsLookup, client: str, hosts: tuple[str, ...]
    ) -> LookedUp: ...


class DnsNames:
    """Nodes by their names in DNS."""

    def __init__(self, lookups: LooksUp) -> None:
        self._lookups = lookups

    async def look_up(
        self,
        method: SelectionMethod,
        rule: DnsLookup,
        client: str,
        nodes: Mapping[NodeId, NodeDocument],
    ) -> Lookup:
        """Which of *nodes* the records of *rule* name to *client*; a failure is no exception."""
        addresses = {
            node: document.public_address
            for node, document in nodes.items()
            if document.public_address is not None
        }
        hosts = tuple(address.host for address in addresses.values())
        found = await self._lookups.look_up(method, rule, client, hosts)
        if found.failure is not None:
            return Lookup(failure=found.failure)
        records = named(found, addresses)
        if not records:
            return Lookup(failure=f"{answered(found)}, which is no node's public address")
        return Lookup(
            nodes={node: Named(each.priority, each.weight) for node, each in records.items()},
            basis=basis(found),
        )
