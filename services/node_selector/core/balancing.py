"""Distributes clients over nodes: the methods `random`, `least_load` and `consistent`.

Each orders all nodes without ties, so the methods behind it in a list are never asked.
`random` draws by capacity and weight. `least_load` draws two nodes as `random` does and takes the
one with the smaller load: with load figures that are slightly old, taking the least loaded of all
would send every client to one node at once (power of two choices; Azar and others, 1999).
`consistent` takes the same node for a client as long as that node is eligible.
"""

from collections.abc import Iterator
from collections.abc import Set as AbstractSet
from itertools import islice

from services.node_selector.core.eligibility import Candidate
from services.node_selector.core.pool import Pool
from services.node_selector.core.ranking_context import RankingContext, TieOrder
from services.node_selector.core.sampling import rendezvous_order, shuffle_weighted
from shared.domain.ids import NodeId


class Random:
    """A weighted draw."""

    def missing_facts(self, pool: Pool, context: RankingContext) -> str:
        del pool, context
        return ""

    def order(
        self, pool: Pool, context: RankingContext, skip: AbstractSet[NodeId], order_ties: TieOrder
    ) -> Iterator[Candidate]:
        del order_ties
        return shuffle_weighted(pool, context.table, context.question.chance, context.shares, skip)

    def basis(self, candidate: Candidate, context: RankingContext) -> str:
        return f"random, {_weight(candidate, context)}"


class LeastLoad:
    """The less loaded of two nodes drawn by weight."""

    def missing_facts(self, pool: Pool, context: RankingContext) -> str:
        del pool, context
        return ""

    def order(
        self, pool: Pool, context: RankingContext, skip: AbstractSet[NodeId], order_ties: TieOrder
    ) -> Iterator[Candidate]:
        del order_ties
        draw = shuffle_weighted(pool, context.table, context.question.chance, context.shares, skip)
        pair = list(islice(draw, 2))
        if len(pair) == 2 and _fullness(pair[1], context) < _fullness(pair[0], context):  # noqa: PLR2004 - a pair
            pair.reverse()
        if context.draw_notes is not None:
            context.draw_notes.update({each.node: "drawn for comparison" for each in pair})
        yield from pair
        yield from draw

    def basis(self, candidate: Candidate, context: RankingContext) -> str:
        how = (context.draw_notes or {}).get(candidate.node, "not drawn")
        growing = _growing(candidate, context)
        return f"{_sessions(candidate)} of {candidate.document.capacity} sessions{growing}; {how}"


class Consistent:
    """The rendezvous hash of the client's address."""

    def missing_facts(self, pool: Pool, context: RankingContext) -> str:
        del pool, context
        return ""

    def order(
        self, pool: Pool, context: RankingContext, skip: AbstractSet[NodeId], order_ties: TieOrder
    ) -> Iterator[Candidate]:
        del order_ties
        return rendezvous_order(pool, context.client_number, context.shares, skip)

    def basis(self, candidate: Candidate, context: RankingContext) -> str:
        return f"always the same for {context.end.address}, {_weight(candidate, context)}"


def _fullness(candidate: Candidate, context: RankingContext) -> float:
    return _sessions(candidate) / (candidate.document.capacity * context.shares.of(candidate))


def _sessions(candidate: Candidate) -> int:
    return candidate.status.load.sessions if candidate.status is not None else 0


def _weight(candidate: Candidate, context: RankingContext) -> str:
    return f"weight {candidate.weight}{_growing(candidate, context)}"


def _growing(candidate: Candidate, context: RankingContext) -> str:
    share = context.shares.of(candidate)
    return f", {share:.0%} of it while it comes back" if share < 1 else ""
