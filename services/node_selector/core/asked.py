"""A question under a rule: what methods need to rank nodes for it."""

from collections.abc import Callable, Iterator
from collections.abc import Set as AbstractSet
from typing import Final, Protocol

from services.node_selector.core.draws import Shares, Table, spread
from services.node_selector.core.eligibility import Candidate
from services.node_selector.core.facts import End, Question
from services.node_selector.core.pool import Pool
from shared.documents.selection import Selection
from shared.domain.ids import NodeId

Equals = Callable[[Pool], Iterator[Candidate]]
"""Puts nodes in order between which a method sees no difference: the next method, or the hash."""

NOBODY: Final[frozenset[NodeId]] = frozenset()


class Asked:
    """*question* under *rule*, and the table of all nodes to throw at.

    *told*, when there is one, takes what a method can say of a node only while it ranks.
    """

    __slots__ = ("_spread", "ends", "question", "rule", "shares", "table", "told")

    def __init__(
        self,
        question: Question,
        rule: Selection,
        table: Table,
        told: dict[NodeId, str] | None = None,
    ) -> None:
        self.question = question
        self.rule = rule
        self.table = table
        self.told = told
        self.ends: tuple[End, ...] = question.ends(rule.policy)
        self.shares = Shares(rule.slow_start_seconds, question.now)
        self._spread: int | None = None

    @property
    def end(self) -> End:
        """Whose path counts, or counts first."""
        return self.ends[0]

    @property
    def spread(self) -> int:
        """The client's number for rendezvous hashing: its address makes it."""
        if self._spread is None:
            self._spread = spread(self.end.address)
        return self._spread


class Method(Protocol):
    """One way to rank nodes.

    `order` gives the nodes of a pool best first, less those in *skip*; those that it sees no
    difference between go through *equals*, and so does, last, what it knows nothing of.
    `nothing_known` says why it cannot tell any node from another for this question, in words that
    follow "nothing known: ", or "" when it can. `basis` says what a node's place rests on; only
    explanations ask for it.
    """

    def nothing_known(self, pool: Pool, asked: Asked) -> str: ...

    def order(
        self, pool: Pool, asked: Asked, skip: AbstractSet[NodeId], equals: Equals
    ) -> Iterator[Candidate]: ...

    def basis(self, candidate: Candidate, asked: Asked) -> str: ...


def without(pool: Pool, nodes: AbstractSet[NodeId]) -> Pool:
    """*pool* less *nodes*."""
    return Pool(each for node, each in pool.members.items() if node not in nodes)
