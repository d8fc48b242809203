"""A set of nodes, kept apart by what methods ask of them.

A method that ranks by a property with few values (a time zone, a place, a region) asks for
`split` by it, and looks at the values in place of the nodes. The parts are made when they are first
asked for and kept up to date from then on, so a node that comes or goes costs the same however
many there are. Parts are pools themselves, so a second method may split them again.
"""

from collections.abc import Callable, Hashable, Iterable, Mapping, Sequence
from typing import Any, Final

from services.node_selector.core.eligibility import Candidate
from shared.domain.ids import NodeId

Property = Callable[[Candidate], Hashable]

Numbers = tuple[int, int, float, NodeId, Candidate]
"""A node's factor, addend and weight, its name and itself."""

NO_WEIGHT: Final = 1e-300
"""In place of a weight of 0, by which nothing can be divided: behind everybody with a weight."""

REMEMBERED: Final = 4_096
"""So many outcomes are kept beside a pool before all are forgotten."""


class Pool:
    """Nodes that may be chosen, by name."""

    __slots__ = ("_memory", "_numbers", "_parts", "members")

    def __init__(self, members: Iterable[Candidate] = ()) -> None:
        self.members: dict[NodeId, Candidate] = {each.node: each for each in members}
        self._parts: dict[Property, dict[Any, Pool]] = {}
        self._memory: dict[Hashable, Any] = {}
        self._numbers: tuple[Sequence[Numbers], bool] | None = None

    def __len__(self) -> int:
        return len(self.members)

    def __contains__(self, node: NodeId | None) -> bool:
        return node in self.members

    def add(self, candidate: Candidate) -> None:
        self.members[candidate.node] = candidate
        self._numbers = None
        for of, parts in self._parts.items():
            self._put(parts, of(candidate), candidate)

    def discard(self, candidate: Candidate) -> None:
        if self.members.pop(candidate.node, None) is None:
            return
        self._numbers = None
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

    def numbers(self) -> tuple[Sequence[Numbers], bool]:
        """What draws ask of each node, by name, and whether all have the same share for good."""
        if self._numbers is None:
            numbers = [
                (each.factor, each.addend, each.weight or NO_WEIGHT, node, each)
                for node, each in sorted(self.members.items())
            ]
            is_even = len({of[2] for of in numbers}) < 2  # noqa: PLR2004 - one weight for all
            is_even = is_even and all(of[4].back_at is None for of in numbers)
            self._numbers = numbers, is_even
        return self._numbers

    def remembered(self, name: Hashable, outcome: Callable[[], Any]) -> Any:
        """*outcome* of what depends on the values of properties only, not on who has them."""
        if name not in self._memory:
            if len(self._memory) >= REMEMBERED:
                self._memory.clear()
            self._memory[name] = outcome()
        return self._memory[name]

    def _put(self, parts: dict[Any, "Pool"], value: Hashable, candidate: Candidate) -> None:
        if value not in parts:
            parts[value] = Pool()
            self._memory.clear()
        parts[value].add(candidate)


def joined(pools: Iterable[Pool]) -> Pool:
    """One pool of all; a pool alone is itself, so that what it remembers counts."""
    found = [each for each in pools if each.members]
    if len(found) == 1:
        return found[0]
    return Pool(candidate for each in found for candidate in each.members.values())
