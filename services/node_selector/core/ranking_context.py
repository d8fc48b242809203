"""Holds what methods need to rank nodes for one question under one rule."""

from collections.abc import Callable, Iterator
from collections.abc import Set as AbstractSet
from typing import Final, Protocol

from services.node_selector.core.eligibility import Candidate
from services.node_selector.core.facts import End, Question
from services.node_selector.core.pool import Pool
from services.node_selector.core.sampling import Shares, WeightTable, hash_text
from shared.documents.selection import Selection
from shared.domain.ids import NodeId

TieOrder = Callable[[Pool], Iterator[Candidate]]
"""Orders nodes that a method ranks equal: by the next method, at last by the hash."""

NOBODY: Final[frozenset[NodeId]] = frozenset()


class RankingContext:
    """One question under one rule, with the weight table of all nodes.

    *draw_notes*, if given, collects notes on nodes that a method can write only while it ranks.
    """

    __slots__ = ("_client_number", "draw_notes", "ends", "question", "rule", "shares", "table")

    def __init__(
        self,
        question: Question,
        rule: Selection,
        table: WeightTable,
        draw_notes: dict[NodeId, str] | None = None,
    ) -> None:
        self.question = question
        self.rule = rule
        self.table = table
        self.draw_notes = draw_notes
        self.ends: tuple[End, ...] = question.ends(rule.policy)
        self.shares = Shares(rule.slow_start_seconds, question.now)
        self._client_number: int | None = None

    @property
    def end(self) -> End:
        """Return the end whose path counts, or counts first."""
        return self.ends[0]

    @property
    def client_number(self) -> int:
        """Return the input of the rendezvous hash, from the client's address."""
        if self._client_number is None:
            self._client_number = hash_text(self.end.address)
        return self._client_number


class RankingMethod(Protocol):
    """One way to rank nodes.

    `order` yields the nodes of a pool best first, without those in *skip*. It passes nodes that it
    ranks equal through *order_ties*, and last the nodes of which it knows nothing.
    `missing_facts` says why it ranks no node before another for this question; "" when it does.
    `basis` says what a node's rank rests on; only explanations call it.
    """

    def missing_facts(self, pool: Pool, context: RankingContext) -> str: ...

    def order(
        self, pool: Pool, context: RankingContext, skip: AbstractSet[NodeId], order_ties: TieOrder
    ) -> Iterator[Candidate]: ...

    def basis(self, candidate: Candidate, context: RankingContext) -> str: ...


def without(pool: Pool, nodes: AbstractSet[NodeId]) -> Pool:
    """Return *pool* without *nodes*."""
    return Pool(each for node, each in pool.members.items() if node not in nodes)
