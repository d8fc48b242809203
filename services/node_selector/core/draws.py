"""Draws: which node chance picks, and which one a client keeps.

A number in (0, 1] for each pair of a client and a node comes from one multiplication: the client is
spread over 30 bits by BLAKE2 once for a question, a node over 48 once for all, and `factor *
client + addend` mod 2**48 is uniform in its upper bits (Dietzfelbinger, 1996). The factors of all
nodes stand in one long number, so that Python multiplies once for a question (`pool.Hashed`).
-ln(u)/weight ascending is sampling without replacement by weight (Efraimidis and Spirakis, 2006):
with the client's number it is the weighted rendezvous hash, where a node that leaves moves its own
clients only; with a number of chance it is a shuffle. Where all weights are alike, the least hash
first gives the same order.

`drawn` makes the same shuffle without looking at everybody: it throws at a table of all weights,
and passes over who may not be taken; only when that finds too few it sorts the others.
"""

from bisect import bisect_right
from collections.abc import Iterable, Iterator, Sequence
from collections.abc import Set as AbstractSet
from hashlib import blake2b
from heapq import heapify, heappop
from itertools import accumulate
from math import log
from struct import unpack
from typing import Final

from services.node_selector.core.eligibility import HASH_BITS, Candidate
from services.node_selector.core.pool import PLACES, Hashed, Pool
from shared.domain.ids import NodeId
from shared.domain.node import NodeRole

CLIENT_BITS: Final = 30
HASHES: Final = 1 << HASH_BITS
LOG_HASHES: Final = log(HASHES)
BLOCKS: Final = 2
"""So many times eight throws are made before everybody is looked at."""

NO_WEIGHT: Final = 1e-300
"""In place of a weight of 0, by which nothing can be divided: behind everybody with a weight."""

FINE: Final = 10
"""So many bits finer than weights is the table, so that small weights have shares too."""

SPARSE: Final = 4
"""Of fewer than one in so many of the table, throws would mostly hit somebody else."""


def spread(text: str) -> int:
    """*text* as a number of 30 bits that looks random."""
    return int.from_bytes(blake2b(text.encode()).digest()[:4]) >> 32 - CLIENT_BITS


def uniform(number: int, candidate: Candidate) -> float:
    """A number in (0, 1] for the pair."""
    return (HASHES - (number * candidate.factor + candidate.addend) % HASHES) / HASHES


class Table:
    """All traffic nodes of the directory and their weights, to throw at."""

    def __init__(self, candidates: Iterable[Candidate]) -> None:
        self.nodes: Sequence[Candidate] = sorted(
            (each for each in candidates if each.weight), key=lambda each: each.node
        )
        self.bounds: Sequence[int] = list(accumulate(each.weight << FINE for each in self.nodes))

    def throw(self, number: int) -> tuple[Candidate, int]:
        """Whom a number of 64 bits hits, and how far below the end of its part of the table."""
        point = number * self.bounds[-1] >> 64
        at = bisect_right(self.bounds, point)
        return self.nodes[at], self.bounds[at] - point


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


def by_hash(
    pool: Pool, number: int, shares: Shares, skip: AbstractSet[NodeId]
) -> Iterator[Candidate]:
    """*pool* shared by weight among all numbers, each number always in the same order."""
    hashed = pool.hashed()
    ordered = _evenly(hashed, number) if hashed.is_even else _by_weight(hashed, number, shares)
    return (each for each in ordered if each.node not in skip) if skip else ordered


def _hashes(of: Hashed, number: int) -> list[int]:
    """A hash for each node, and below it the node's place."""
    all_in_one = number * of.factors + of.addends & of.mask
    return list(of.lanes.unpack(all_in_one.to_bytes(of.lanes.size, "little")))


def _evenly(of: Hashed, number: int) -> Iterator[Candidate]:
    """The least hash first; nobody is compared further than is asked for."""
    hashes, nodes = _hashes(of, number), of.nodes
    heapify(hashes)
    while hashes:
        yield nodes[heappop(hashes) % PLACES]


def _by_weight(of: Hashed, number: int, shares: Shares) -> Iterator[Candidate]:
    keys = [
        (log(HASHES - each // PLACES) - LOG_HASHES) / ((node.weight or NO_WEIGHT) * shares.of(node))
        for each, node in zip(_hashes(of, number), of.nodes, strict=True)
    ]
    in_turn = sorted(range(len(keys)), key=keys.__getitem__, reverse=True)
    return (of.nodes[place] for place in in_turn)


def drawn(
    pool: Pool, table: Table, chance: int, shares: Shares, skip: AbstractSet[NodeId]
) -> Iterator[Candidate]:
    """*pool* in an order that *chance* makes, heavy nodes sooner."""
    members, taken = pool.members, set(skip)
    if len(members) * SPARSE >= len(table.nodes) > 0:
        for number in _numbers(chance):
            hit, below = table.throw(number)
            each = members.get(hit.node)
            if each is None or hit.node in taken:
                continue
            if each.back_at is not None and below > (each.weight << FINE) * shares.of(each):
                continue
            taken.add(hit.node)
            yield each
    yield from by_hash(pool, spread(f"chance:{chance}"), shares, taken)


def _numbers(chance: int) -> Iterator[int]:
    """Random numbers of 64 bits that *chance* decides."""
    for block in range(BLOCKS):
        yield from unpack("<8Q", blake2b(b"%d:%d" % (chance, block)).digest())
