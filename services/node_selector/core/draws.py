"""Draws: which node chance picks, and which one a client keeps.

A number in (0, 1] for each pair of a client and a node comes from one multiplication: the client is
spread over 64 bits by SHA-256 once for a question, a node once for all, and `factor * client +
addend` mod 2**64 is uniform in its upper bits (Dietzfelbinger, 1996). -ln(u)/weight ascending is
sampling without replacement by weight (Efraimidis and Spirakis, 2006): with the client's number it
is the weighted rendezvous hash, where a node that leaves moves its own clients only; with a number
of chance it is a shuffle. Where all weights are alike, u alone gives the same order.

`drawn` makes the same shuffle without looking at everybody: it throws at a table of all weights,
and passes over who may not be taken; only when that finds too few it sorts the others.
"""

from bisect import bisect_right
from collections.abc import Iterable, Iterator, Sequence
from collections.abc import Set as AbstractSet
from hashlib import blake2b, sha256
from itertools import accumulate
from math import log
from struct import unpack
from typing import Final

from services.node_selector.core.eligibility import Candidate
from services.node_selector.core.pool import Numbers, Pool
from shared.domain.ids import NodeId
from shared.domain.node import NodeRole

MASK: Final = 2**64 - 1
LOG_RANGE: Final = log(2**64)
BLOCKS: Final = 2
"""So many times eight throws are made before everybody is looked at."""

SPARSE: Final = 4
"""Of fewer than one in so many of the table, throws would mostly hit somebody else."""


def spread(text: str) -> int:
    """*text* as a number of 64 bits that looks random."""
    return int.from_bytes(sha256(text.encode()).digest()[:8])


def uniform(number: int, candidate: Candidate) -> float:
    """A number in (0, 1] for the pair."""
    return ((number * candidate.factor + candidate.addend & MASK) + 1) / 2**64


class Table:
    """All traffic nodes of the directory and their weights, to throw at."""

    def __init__(self, candidates: Iterable[Candidate]) -> None:
        self.nodes: Sequence[Candidate] = sorted(
            (each for each in candidates if each.weight), key=lambda each: each.node
        )
        self.bounds: Sequence[int] = list(accumulate(each.weight for each in self.nodes))

    def throw(self, number: int) -> tuple[NodeId, float]:
        """Whom a number of 64 bits hits, and where in its share, from 0 to 1."""
        point = number * self.bounds[-1] / 2**64
        at = min(bisect_right(self.bounds, point), len(self.nodes) - 1)
        hit = self.nodes[at]
        return hit.node, 1 - (self.bounds[at] - point) / hit.weight


def table_of(candidates: Iterable[Candidate]) -> Table:
    """The table of the traffic nodes among *candidates*."""
    return Table(each for each in candidates if each.document.role is NodeRole.TRAFFIC)


class Shares:
    """How much of its weight each node has now: a node that came back grows into it.

    It begins with *LEAST*, because a share of nothing could not even be compared.
    """

    LEAST: Final = 0.05

    def __init__(self, slow_start_seconds: float, now: float) -> None:
        self._seconds = slow_start_seconds
        self._now = now

    def of(self, candidate: Candidate) -> float:
        back = candidate.back_at
        if back is None or self._now - back >= self._seconds:
            return 1.0
        return max(self.LEAST, (self._now - back) / self._seconds)


def by_hash(pool: Pool, number: int, shares: Shares, skip: AbstractSet[NodeId]) -> list[Candidate]:
    """*pool* shared by weight among all numbers, each number always in the same order."""
    numbers, is_even = pool.numbers()

    def even(of: Numbers) -> int:
        return number * of[0] + of[1] & MASK

    def weighted(of: Numbers) -> float:
        u = (number * of[0] + of[1] & MASK) + 1
        return (log(u) - LOG_RANGE) / (of[2] * shares.of(of[4]))

    ordered = sorted(numbers, key=even if is_even else weighted, reverse=True)
    if skip:
        return [of[4] for of in ordered if of[3] not in skip]
    return [of[4] for of in ordered]


def drawn(
    pool: Pool, table: Table, chance: int, shares: Shares, skip: AbstractSet[NodeId]
) -> Iterator[Candidate]:
    """*pool* in an order that *chance* makes, heavy nodes sooner."""
    members, taken = pool.members, set[NodeId]()
    if len(members) * SPARSE >= len(table.nodes) > 0:
        for number in _numbers(chance):
            node, where = table.throw(number)
            each = members.get(node)
            if each is None or node in taken or node in skip:
                continue
            if each.back_at is not None and where > shares.of(each):
                continue
            taken.add(node)
            yield each
    for each in by_hash(pool, spread(f"chance:{chance}"), shares, skip):
        if each.node not in taken:
            yield each


def _numbers(chance: int) -> Iterator[int]:
    """Random numbers of 64 bits that *chance* decides."""
    for block in range(BLOCKS):
        yield from unpack("<8Q", blake2b(b"%d:%d" % (chance, block)).digest())
