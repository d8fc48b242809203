"""A set of nodes, kept apart by what methods ask of them.

A method that ranks by a property with few values (a time zone, a place, a region) asks for
`split` by it, and looks at the values in place of the nodes. The parts are made when they are first
asked for and kept up to date from then on, so a node that comes or goes costs the same however
many there are. Parts are pools themselves, so a second method may split them again.
"""

from collections.abc import Callable, Hashable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from struct import Struct
from typing import Any, Final

from services.node_selector.core.eligibility import HASH_BITS, Candidate
from shared.domain.ids import NodeId

Property = Callable[[Candidate], Hashable]

PLACES: Final = 1 << 16
"""So many nodes can be told apart by what stands below a hash."""

LANE_BYTES: Final = 16

REMEMBERED: Final = 4_096
"""So many outcomes are kept beside a pool before all are forgotten."""


@dataclass(frozen=True, slots=True)
class Hashed:
    """Nodes by name, what hashes are made of, and whether all have the same share for good.

    *factors*, *addends* and *mask* hold a lane of 128 bits for each node, one above the other, so
    that one multiplication of long numbers hashes all nodes: `number * factors + addends & mask`,
    read by *lanes*, is a hash for each, with the node's place among *nodes* below it.
    """

    nodes: Sequence[Candidate]
    is_even: bool
    factors: int
    addends: int
    mask: int
    lanes: Struct


JOINED: Final = 256
"""So many joins of parts are kept until a node comes or goes."""


class Pool:
    """Nodes that may be chosen, by name."""

    __slots__ = ("_hashed", "_joins", "_memory", "_parts", "members")

    def __init__(self, members: Iterable[Candidate] = ()) -> None:
        self.members: dict[NodeId, Candidate] = {each.node: each for each in members}
        self._parts: dict[Property, dict[Any, Pool]] = {}
        self._memory: dict[Hashable, Any] = {}
        self._joins: dict[tuple[Hashable, ...], Pool] = {}
        self._hashed: Hashed | None = None

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
        """The nodes by that property; a part may be empty."""
        parts = self._parts.get(of)
        if parts is None:
            parts = self._parts[of] = {}
            for each in self.members.values():
                self._put(parts, of(each), each)
        return parts

    def joined(self, of: Property, values: tuple[Hashable, ...]) -> "Pool":
        """The parts of `split` with one of *values* as one pool."""
        parts = self.split(of)
        if len(values) == 1:
            return parts[values[0]]
        name = (of, *values)
        if name not in self._joins:
            if len(self._joins) >= JOINED:
                self._joins.clear()
            self._joins[name] = joined(parts[value] for value in values)
        return self._joins[name]

    def hashed(self) -> Hashed:
        """What draws ask of the nodes."""
        if self._hashed is None:
            self._hashed = _hashed([each for _, each in sorted(self.members.items())])
        return self._hashed

    def remembered(self, name: Hashable, outcome: Callable[[], Any]) -> Any:
        """*outcome* of what depends on the values of properties only, not on who has them."""
        if name not in self._memory:
            if len(self._memory) >= REMEMBERED:
                self._memory.clear()
            self._memory[name] = outcome()
        return self._memory[name]

    def _changed(self) -> None:
        self._hashed = None
        self._joins.clear()

    def _put(self, parts: dict[Any, "Pool"], value: Hashable, candidate: Candidate) -> None:
        if value not in parts:
            parts[value] = Pool()
            self._memory.clear()
        parts[value].add(candidate)


def _hashed(nodes: Sequence[Candidate]) -> Hashed:
    assert len(nodes) <= PLACES, f"{len(nodes)} nodes are more than a pool can tell apart"
    is_even = len({each.weight for each in nodes}) < 2  # noqa: PLR2004 - one weight for all
    return Hashed(
        nodes,
        is_even and all(each.back_at is None for each in nodes),
        factors=_laid([each.factor * PLACES for each in nodes]),
        addends=_laid([each.addend * PLACES + place for place, each in enumerate(nodes)]),
        mask=_laid([(PLACES << HASH_BITS) - 1] * len(nodes)),
        lanes=Struct("<" + "Q8x" * len(nodes)),
    )


def _laid(numbers: Sequence[int]) -> int:
    """*numbers* in lanes, the first one lowest."""
    return int.from_bytes(
        b"".join(each.to_bytes(LANE_BYTES, "little") for each in numbers), "little"
    )


def joined(pools: Iterable[Pool]) -> Pool:
    """One pool of all; a pool alone is itself, so that what it remembers counts."""
    found = [each for each in pools if each.members]
    if len(found) == 1:
        return found[0]
    return Pool(candidate for each in found for candidate in each.members.values())
