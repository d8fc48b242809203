"""A set of nodes, split by the properties that methods rank by.

A method that ranks by a property with few values (a time zone, a place, a region) reads `split` by
it and ranks the values instead of the nodes. The parts are built at their first use and updated
from then on, so adding or removing a node costs the same however many nodes there are. Parts are
pools themselves, so a second method may split them again.
"""

from collections.abc import Callable, Hashable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from struct import Struct
from typing import Any, Final

from services.node_selector.core.eligibility import HASH_BITS, Candidate
from shared.domain.ids import NodeId

Property = Callable[[Candidate], Hashable]

MOST_NODES: Final = 1 << 16
"""Most nodes of a pool: the low bits of a hash hold the index of its node."""

LANE_BYTES: Final = 16

MOST_OUTCOMES: Final = 4_096
"""Most outcomes that `memoize` keeps before it forgets all."""


@dataclass(frozen=True, slots=True)
class HashInputs:
    """The constants that hash all nodes of a pool with one multiplication.

    *factors*, *addends* and *mask* hold a lane of 128 bits for each node, side by side in one long
    integer: `number * factors + addends & mask`, unpacked by *lanes*, is a hash for each node, with
    the node's index in *nodes* in the low bits. *is_even* says that all nodes have equal shares.
    """

    nodes: Sequence[Candidate]
    is_even: bool
    factors: int
    addends: int
    mask: int
    lanes: Struct


MOST_JOINS: Final = 256
"""Most joins of parts that are kept until the pool changes."""


class Pool:
    """Nodes by name, with their splits, joins and hash inputs cached."""

    __slots__ = ("_hash_inputs", "_joins", "_memory", "_parts", "members")

    def __init__(self, members: Iterable[Candidate] = ()) -> None:
        self.members: dict[NodeId, Candidate] = {each.node: each for each in members}
        self._parts: dict[Property, dict[Any, Pool]] = {}
        self._memory: dict[Hashable, Any] = {}
        self._joins: dict[tuple[Hashable, ...], Pool] = {}
        self._hash_inputs: HashInputs | None = None

    def __len__(self) -> int:
        return len(self.members)

    def __contains__(self, node: NodeId | None) -> bool:
        return node in self.members

    def add(self, candidate: Candidate) -> None:
        self.members[candidate.node] = candidate
        self._changed()
        for of, parts in self._parts.items():
            self._put(parts, of(candidate), candidate)

    def discard(self, candidate: Candidate) -> None:
        if self.members.pop(candidate.node, None) is None:
            return
        self._changed()
        for of, parts in self._parts.items():
            parts[of(candidate)].discard(candidate)

    def split(self, of: Property) -> Mapping[Any, "Pool"]:
        """Return the nodes by that property; a part may be empty."""
        parts = self._parts.get(of)
        if parts is None:
            parts = self._parts[of] = {}
            for each in self.members.values():
                self._put(parts, of(each), each)
        return parts

    def joined(self, of: Property, values: tuple[Hashable, ...]) -> "Pool":
        """Return the parts of `split` with one of *values* as one pool."""
        parts = self.split(of)
        if len(values) == 1:
            return parts[values[0]]
        name = (of, *values)
        if name not in self._joins:
            if len(self._joins) >= MOST_JOINS:
                self._joins.clear()
            self._joins[name] = joined(parts[value] for value in values)
        return self._joins[name]

    def hash_inputs(self) -> HashInputs:
        """Return the constants for hashing these nodes."""
        if self._hash_inputs is None:
            self._hash_inputs = _hash_inputs([each for _, each in sorted(self.members.items())])
        return self._hash_inputs

    def memoize(self, name: Hashable, outcome: Callable[[], Any]) -> Any:
        """Cache *outcome*, which depends on the values of a property and not on the nodes."""
        if name not in self._memory:
            if len(self._memory) >= MOST_OUTCOMES:
                self._memory.clear()
            self._memory[name] = outcome()
        return self._memory[name]

    def _changed(self) -> None:
        self._hash_inputs = None
        self._joins.clear()

    def _put(self, parts: dict[Any, "Pool"], value: Hashable, candidate: Candidate) -> None:
        if value not in parts:
            parts[value] = Pool()
            self._memory.clear()
        parts[value].add(candidate)


def _hash_inputs(nodes: Sequence[Candidate]) -> HashInputs:
    assert len(nodes) <= MOST_NODES, f"{len(nodes)} nodes are more than a pool can tell apart"
    is_even = len({each.weight for each in nodes}) < 2  # noqa: PLR2004 - one weight for all
    return HashInputs(
        nodes,
        is_even and all(each.back_at is None for each in nodes),
        factors=_pack_lanes([each.factor * MOST_NODES for each in nodes]),
        addends=_pack_lanes([each.addend * MOST_NODES + place for place, each in enumerate(nodes)]),
        mask=_pack_lanes([(MOST_NODES << HASH_BITS) - 1] * len(nodes)),
        lanes=Struct("<" + "Q8x" * len(nodes)),
    )


def _pack_lanes(numbers: Sequence[int]) -> int:
    """Pack *numbers* into lanes, the first one lowest."""
    return int.from_bytes(
        b"".join(each.to_bytes(LANE_BYTES, "little") for each in numbers), "little"
    )


def joined(pools: Iterable[Pool]) -> Pool:
    """Join *pools*; a single pool is returned itself, so that its caches serve."""
    found = [each for each in pools if each.members]
    if len(found) == 1:
        return found[0]
    return Pool(candidate for each in found for candidate in each.members.values())
