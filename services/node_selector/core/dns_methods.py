"""Ranks nodes as DNS or the network decides: `a_record`, `srv_record`, `ip_anycast`.

The lookup was made before; its result stands with the facts of the end. A smaller priority comes
first. Among nodes of one priority the weights of the records draw (RFC 2782); equal weights, like
those of address records, leave the order to the next method.
With `ip_anycast` the network chooses, so this method ranks all nodes equal: the next methods name
the nodes for clients that cannot use the shared address.
"""

import math
from collections.abc import Iterator
from collections.abc import Set as AbstractSet
from itertools import groupby

from services.node_selector.core.eligibility import Candidate
from services.node_selector.core.facts import DnsRank, Lookup
from services.node_selector.core.pool import Pool
from services.node_selector.core.ranking_context import RankingContext, TieOrder, without
from services.node_selector.core.sampling import hash_text, uniform
from shared.documents.selection import SelectionMethod
from shared.domain.ids import NodeId

NOT_ASKED = Lookup(failure="no lookup is configured")
LEAST_WEIGHT = 1e-6
"""Replaces a weight of 0: such a record is drawn, but rarely before another."""


class Records:
    """Ranks the nodes that the records of *method* name."""

    def __init__(self, method: SelectionMethod) -> None:
        self._method = method

    def missing_facts(self, pool: Pool, context: RankingContext) -> str:
        lookup = self._lookup(context)
        if lookup.failure:
            return lookup.failure
        named = any(node in pool.members for node in lookup.nodes)
        return "" if named else "no node that may take the client was named"

    def order(
        self, pool: Pool, context: RankingContext, skip: AbstractSet[NodeId], order_ties: TieOrder
    ) -> Iterator[Candidate]:
        named = {node: each for node, each in self._lookup(context).nodes.items() if node in pool}
        by_priority = sorted(named, key=lambda node: (named[node].priority, node))
        for _, nodes in groupby(by_priority, key=lambda node: named[node].priority):
            same = [pool.members[node] for node in nodes]
            if len({named[each.node].weight for each in same}) > 1:
                same.sort(key=lambda each: self._draw(each, named, context))
                yield from (each for each in same if each.node not in skip)
            else:
                yield from order_ties(Pool(same))
        if len(named) < len(pool):
            yield from order_ties(without(pool, named.keys()) if named else pool)

    def basis(self, candidate: Candidate, context: RankingContext) -> str:
        lookup = self._lookup(context)
        if lookup.failure:
            return f"{self._method} failed: {lookup.failure}"
        named = lookup.nodes.get(candidate.node)
        if named is None:
            return f"{self._method}: not named"
        rank = f"priority {named.priority}, weight {named.weight}; "
        return f"{self._method}: {rank if named != DnsRank() else ''}{lookup.basis}"

    def _lookup(self, context: RankingContext) -> Lookup:
        return context.end.lookups.get(self._method, NOT_ASKED)

    def _draw(
        self, candidate: Candidate, named: dict[NodeId, DnsRank], context: RankingContext
    ) -> tuple[float, NodeId]:
        u = uniform(hash_text(f"{self._method}:{context.question.chance}"), candidate)
        return -math.log(u) / max(named[candidate.node].weight, LEAST_WEIGHT), candidate.node


class IpAnycast:
    """Leaves the choice to the network behind the shared address."""

    def missing_facts(self, pool: Pool, context: RankingContext) -> str:
        del pool
        shared = context.rule.ip_anycast
        return "" if shared is not None else "no shared address is configured"

    def order(
        self, pool: Pool, context: RankingContext, skip: AbstractSet[NodeId], order_ties: TieOrder
    ) -> Iterator[Candidate]:
        del context, skip
        return order_ties(pool)

    def basis(self, candidate: Candidate, context: RankingContext) -> str:
        del candidate
        shared = context.rule.ip_anycast
        return (
            "no shared address" if shared is None else f"the network chooses behind {shared.host}"
        )
