"""The methods that share clients out: `random`, `least_load` and `consistent`.

Each gives a total order, so nothing behind it in a list of methods is ever asked.
`random` is weighted by capacity and weight. `least_load` draws two as `random` does and takes the
one that is less full: with live figures that are a little old, taking the least full of all would
send everybody to one node at once (the two choices of Azar and others, 1999). `consistent` always
takes the same node for a client while that node lives.
"""

from collections.abc import Iterator
from collections.abc import Set as AbstractSet
from itertools import islice

from services.node_selector.core.asked import Asked, Equals
from services.node_selector.core.draws import by_hash, drawn
from services.node_selector.core.eligibility import Candidate
from services.node_selector.core.pool import Pool
from shared.domain.ids import NodeId


class Random:
    """A weighted draw."""

    def nothing_known(self, pool: Pool, asked: Asked) -> str:
        del pool, asked
        return ""

    def order(
        self, pool: Pool, asked: Asked, skip: AbstractSet[NodeId], equals: Equals
    ) -> Iterator[Candidate]:
        del equals
        return drawn(pool, asked.table, asked.question.chance, asked.shares, skip)

    def basis(self, candidate: Candidate, asked: Asked) -> str:
        return f"random, {_weight(candidate, asked)}"


class LeastLoad:
    """The less full of two that were drawn."""

    def nothing_known(self, pool: Pool, asked: Asked) -> str:
        del pool, asked
        return ""

    def order(
        self, pool: Pool, asked: Asked, skip: AbstractSet[NodeId], equals: Equals
    ) -> Iterator[Candidate]:
        del equals
        draw = drawn(pool, asked.table, asked.question.chance, asked.shares, skip)
        pair = list(islice(draw, 2))
        if len(pair) == 2 and _fullness(pair[1], asked) < _fullness(pair[0], asked):  # noqa: PLR2004 - a pair
            pair.reverse()
        if asked.told is not None:
            asked.told.update({each.node: "drawn for comparison" for each in pair})
        yield from pair
        yield from draw

    def basis(self, candidate: Candidate, asked: Asked) -> str:
        how = (asked.told or {}).get(candidate.node, "not drawn")
        growing = _growing(candidate, asked)
        return f"{_sessions(candidate)} of {candidate.document.capacity} sessions{growing}; {how}"


class Consistent:
    """The rendezvous hash of the client's address."""

    def nothing_known(self, pool: Pool, asked: Asked) -> str:
        del pool, asked
        return ""

    def order(
        self, pool: Pool, asked: Asked, skip: AbstractSet[NodeId], equals: Equals
    ) -> Iterator[Candidate]:
        del equals
        return by_hash(pool, asked.spread, asked.shares, skip)

    def basis(self, candidate: Candidate, asked: Asked) -> str:
        return f"always the same for {asked.end.address}, {_weight(candidate, asked)}"


def _fullness(candidate: Candidate, asked: Asked) -> float:
    return _sessions(candidate) / (candidate.document.capacity * asked.shares.of(candidate))


def _sessions(candidate: Candidate) -> int:
    return candidate.seen.load.sessions if candidate.seen is not None else 0


def _weight(candidate: Candidate, asked: Asked) -> str:
    return f"weight {candidate.weight}{_growing(candidate, asked)}"


def _growing(candidate: Candidate, asked: Asked) -> str:
    share = asked.shares.of(candidate)
    return f", {share:.0%} of it while it comes back" if share < 1 else ""
