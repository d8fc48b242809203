"""A question under a rule: what methods need to rank nodes for it."""

from collections.abc import Iterator
from collections.abc import Set as AbstractSet
from typing import Final, Protocol

from services.node_selector.core.draws import Shares, Table, spread
from services.node_selector.core.eligibility import Candidate
from services.node_selector.core.facts import End, Question
from services.node_selector.core.pool import Pool
from shared.documents.selection import Selection
from shared.domain.ids import NodeId

Group = Pool | Candidate
"""Nodes between which a method sees no difference; often one alone."""

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

    `groups` gives the nodes of a pool best first, equals together; what the method knows nothing of
    comes last, as one group, so that the next method decides there. `nothing_known` says why it
    cannot tell any node from another for this question, in words that follow "nothing known: ",
    or "" when it can. `basis` says what a node's place rests on; only explanations ask for it.
    Nodes in *skip* will be passed over by the caller: drawing one would be in vain.
    """

    def nothing_known(self, pool: Pool, asked: Asked) -> str: ...

    def groups(self, pool: Pool, asked: Asked, skip: AbstractSet[NodeId]) -> Iterator[Group]: ...

    def basis(self, candidate: Candidate, asked: Asked) -> str: ...


def without(pool: Pool, nodes: AbstractSet[NodeId]) -> Pool:
    """*pool* less *nodes*."""
    return Pool(each for node, each in pool.members.items() if node not in nodes)
