"""What one end knows of its session's paths: which there are, in what order, and where they lead.

A path by the address that all relays share has no node until a relay's WAIT has named one. The end
tells the site, and the site makes it that node's path, which replaces the shared one.
"""

from collections.abc import Iterable, Iterator

from shared.domain.ids import NodeId, PathGeneration
from shared.domain.path import Path


class Paths:
    """The paths that the site told this end, and the nodes that it found by itself."""

    def __init__(self) -> None:
        self._paths: dict[PathGeneration, Path] = {}
        self._found: dict[PathGeneration, NodeId] = {}
        self.order: list[PathGeneration] = []
        """Best first."""

    def __iter__(self) -> Iterator[Path]:
        return iter(tuple(self._paths.values()))

    def __getitem__(self, generation: PathGeneration) -> Path:
        return self._paths[generation]

    def learn(self, paths: Iterable[Path]) -> tuple[Path, ...]:
        """Those of *paths* that are news, which come before what was known."""
        fresh = tuple(path for path in paths if self._is_news(path))
        self._paths.update({path.generation: path for path in fresh})
        first = [path.generation for path in fresh]
        self.order = [*first, *(each for each in self.order if each not in first)]
        return fresh

    def node_of(self, generation: PathGeneration) -> str:
        """The node that path *generation* leads through, as far as it is known."""
        return self._paths[generation].node or self._found.get(generation) or ""

    def find(self, path: Path, node: NodeId | None) -> NodeId | None:
        """The shared *path* led to *node*; that one, if it is news."""
        if path.node is not None or node is None or self._found.get(path.generation) == node:
            return None
        self._found[path.generation] = node
        return node

    def unheard(self, paths: Iterable[Path]) -> Iterator[tuple[PathGeneration, NodeId]]:
        """Which nodes were found of *paths* that the site still tells without."""
        for path in paths:
            node = self._found.get(path.generation)
            if path.node is None and node is not None:
                yield path.generation, node

    def leads_elsewhere(self, generation: PathGeneration, node: NodeId | None) -> bool:
        """Whether path *generation* is another node's by now than *node*'s."""
        return self._paths[generation].node not in {None, node}

    def _is_news(self, path: Path) -> bool:
        known = self._paths.get(path.generation)
        return known is None or (known.node is None and path.node is not None)
