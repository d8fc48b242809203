"""The methods that leave it to DNS and to the network: `a_record`, `srv_record`, `ip_anycast`.

What DNS said was looked up before and stands with the facts of the end that it was asked for.
Priorities come first; among nodes of one priority the weights of the records draw (RFC 2782), and
weights that are all alike, like those of address records, leave it to the next method.
With `ip_anycast` the network chooses, so no node is before another: the methods behind it name the
nodes for whoever cannot use the shared address.
"""

import math
from collections.abc import Iterator
from collections.abc import Set as AbstractSet
from itertools import groupby

from services.node_selector.core.asked import Asked, Equals, without
from services.node_selector.core.draws import spread, uniform
from services.node_selector.core.eligibility import Candidate
from services.node_selector.core.facts import Lookup, Named
from services.node_selector.core.pool import Pool
from shared.documents.selection import SelectionMethod
from shared.domain.ids import NodeId

NOT_ASKED = Lookup(failure="no lookup is configured")
LEAST_WEIGHT = 1e-6
"""A record of weight 0 is drawn, but hardly before any other."""


class Records:
    """The nodes that the records of *method* name."""

    def __init__(self, method: SelectionMethod) -> None:
        self._method = method

    def nothing_known(self, pool: Pool, asked: Asked) -> str:
        lookup = self._lookup(asked)
        if lookup.failure:
            return lookup.failure
        named = any(node in pool.members for node in lookup.nodes)
        return "" if named else "no node that may take the client was named"

    def order(
        self, pool: Pool, asked: Asked, skip: AbstractSet[NodeId], equals: Equals
    ) -> Iterator[Candidate]:
        named = {node: each for node, each in self._lookup(asked).nodes.items() if node in pool}
        by_priority = sorted(named, key=lambda node: (named[node].priority, node))
        for _, nodes in groupby(by_priority, key=lambda node: named[node].priority):
            same = [pool.members[node] for node in nodes]
            if len({named[each.node].weight for each in same}) > 1:
                same.sort(key=lambda each: self._draw(each, named, asked))
                yield from (each for each in same if each.node not in skip)
            else:
                yield from equals(Pool(same))
        if len(named) < len(pool):
            yield from equals(without(pool, named.keys()) if named else pool)

    def basis(self, candidate: Candidate, asked: Asked) -> str:
        lookup = self._lookup(asked)
        if lookup.failure:
            return f"{self._method} failed: {lookup.failure}"
        named = lookup.nodes.get(candidate.node)
        if named is None:
            return f"{self._method}: not named"
        rank = f"priority {named.priority}, weight {named.weight}; "
        return f"{self._method}: {rank if named != Named() else ''}{lookup.basis}"

    def _lookup(self, asked: Asked) -> Lookup:
        return asked.end.lookups.get(self._method, NOT_ASKED)

    def _draw(
        self, candidate: Candidate, named: dict[NodeId, Named], asked: Asked
    ) -> tuple[float, NodeId]:
        u = uniform(spread(f"{self._method}:{asked.question.chance}"), candidate)
        return -math.log(u) / max(named[candidate.node].weight, LEAST_WEIGHT), candidate.node


class IpAnycast:
    """The network decides behind the shared address."""

    def nothing_known(self, pool: Pool, asked: Asked) -> str:
        del pool
        shared = asked.rule.ip_anycast
        return "" if shared is not None else "no shared address is configured"

    def order(
        self, pool: Pool, asked: Asked, skip: AbstractSet[NodeId], equals: Equals
    ) -> Iterator[Candidate]:
        del asked, skip
        return equals(pool)

    def basis(self, candidate: Candidate, asked: Asked) -> str:
        del candidate
        shared = asked.rule.ip_anycast
        return (
            "no shared address" if shared is None else f"the network chooses behind {shared.host}"
        )
