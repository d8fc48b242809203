"""Draws nodes by weight: at random, or always the same nodes for one client.

One multiplication gives a number in (0, 1] for each pair of a client and a node. BLAKE2 maps the
client to 30 bits once a question and the node to 48 bits once for good; `factor * client + addend`
mod 2**48 is uniform in its upper bits (Dietzfelbinger, 1996). The factors of all nodes stand in
one long integer, so Python multiplies once a question (`pool.HashInputs`).
Sorting by -ln(u)/weight is sampling without replacement by weight (Efraimidis and Spirakis, 2006).
With the client's number as input it is the weighted rendezvous hash: a node that leaves moves its
own clients only. With a random number it is a weighted shuffle. Where all weights are equal,
sorting by the hash alone gives the same order.

`shuffle_weighted` yields the same distribution without sorting all nodes: it samples a table of
all weights and skips nodes that are not in the pool. It sorts the rest only when that finds too
few.
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
from services.node_selector.core.pool import MOST_NODES, HashInputs, Pool
from shared.domain.ids import NodeId
from shared.domain.node import NodeRole

CLIENT_BITS: Final = 30
HASH_COUNT: Final = 1 << HASH_BITS
LOG_HASH_COUNT: Final = log(HASH_COUNT)
SAMPLE_BLOCKS: Final = 2
"""Blocks of eight samples that are drawn before all nodes are sorted."""

NO_WEIGHT: Final = 1e-300
"""Replaces a weight of 0 as a divisor: such nodes come after all that have a weight."""

SCALE_BITS: Final = 10
"""A unit of weight is 2**10 points of the table, so a share of a small weight is not 0."""

SPARSE_RATIO: Final = 4
"""The table is sampled only while at least one node in four of it is in the pool."""


def hash_text(text: str) -> int:
    """Hash *text* to a number of 30 bits."""
    return int.from_bytes(blake2b(text.encode()).digest()[:4]) >> 32 - CLIENT_BITS


def uniform(number: int, candidate: Candidate) -> float:
    """Return a uniform number in (0, 1] for the pair of *number* and *candidate*."""
    return (HASH_COUNT - (number * candidate.factor + candidate.addend) % HASH_COUNT) / HASH_COUNT


class WeightTable:
    """Traffic nodes side by side, each as wide as its weight, to sample one of them."""

    def __init__(self, candidates: Iterable[Candidate]) -> None:
        self.nodes: Sequence[Candidate] = sorted(
            (each for each in candidates if each.weight), key=lambda each: each.node
        )
        self.bounds: Sequence[int] = list(
            accumulate(each.weight << SCALE_BITS for each in self.nodes)
        )

    def sample(self, number: int) -> tuple[Candidate, int]:
        """Return the node that a random number of 64 bits hits, and the distance to its end."""
        point = number * self.bounds[-1] >> 64
        at = bisect_right(self.bounds, point)
        return self.nodes[at], self.bounds[at] - point


def build_weight_table(candidates: Iterable[Candidate]) -> WeightTable:
    """Build the table of the traffic nodes among *candidates*."""
    return WeightTable(each for each in candidates if each.document.role is NodeRole.TRAFFIC)


class Shares:
    """The share of its weight that each node has now: a node that came back grows into it.

    A share begins with *LEAST*: with 0, such nodes could not be ordered among each other.
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


def rendezvous_order(
    pool: Pool, number: int, shares: Shares, skip: AbstractSet[NodeId]
) -> Iterator[Candidate]:
    """Order *pool* by the weighted rendezvous hash of *number*."""
    hash_inputs = pool.hash_inputs()
    ordered = (
        _order_evenly(hash_inputs, number)
        if hash_inputs.is_even
        else _order_by_weight(hash_inputs, number, shares)
    )
    return (each for each in ordered if each.node not in skip) if skip else ordered


def _hashes(of: HashInputs, number: int) -> list[int]:
    """Return one integer for each node: its hash, with the node's index in the low bits."""
    all_in_one = number * of.factors + of.addends & of.mask
    return list(of.lanes.unpack(all_in_one.to_bytes(of.lanes.size, "little")))


def _order_evenly(of: HashInputs, number: int) -> Iterator[Candidate]:
    """Yield the least hash first, and sort no further than the caller reads."""
    hashes, nodes = _hashes(of, number), of.nodes
    heapify(hashes)
    while hashes:
        yield nodes[heappop(hashes) % MOST_NODES]


def _order_by_weight(of: HashInputs, number: int, shares: Shares) -> Iterator[Candidate]:
    keys = [
        (log(HASH_COUNT - each // MOST_NODES) - LOG_HASH_COUNT)
        / ((node.weight or NO_WEIGHT) * shares.of(node))
        for each, node in zip(_hashes(of, number), of.nodes, strict=True)
    ]
    in_turn = sorted(range(len(keys)), key=keys.__getitem__, reverse=True)
    return (of.nodes[place] for place in in_turn)


def shuffle_weighted(
    pool: Pool, table: WeightTable, chance: int, shares: Shares, skip: AbstractSet[NodeId]
) -> Iterator[Candidate]:
    """Order *pool* at random by weight; *chance* is the random number."""
    members, taken = pool.members, set(skip)
    if len(members) * SPARSE_RATIO >= len(table.nodes) > 0:
        for number in _numbers(chance):
            hit, below = table.sample(number)
            each = members.get(hit.node)
            if each is None or hit.node in taken:
                continue
            if each.back_at is not None and below > (each.weight << SCALE_BITS) * shares.of(each):
                continue
            taken.add(hit.node)
            yield each
    yield from rendezvous_order(pool, hash_text(f"chance:{chance}"), shares, taken)


def _numbers(chance: int) -> Iterator[int]:
    """Derive random numbers of 64 bits from *chance*."""
    for block in range(SAMPLE_BLOCKS):
        yield from unpack("<8Q", blake2b(b"%d:%d" % (chance, block)).digest())
