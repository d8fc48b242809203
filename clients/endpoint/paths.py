"""Owns what one end knows of its session's paths: which there are, in what order, to which nodes.

A path by the address that all relays share has no node until a relay's WAIT has named one. The end
reports that node to the site, and the site makes it that node's path, in place of the shared one.
"""

from collections.abc import Iterable, Iterator

from shared.domain.ids import NodeId, PathGeneration
from shared.domain.path import Path


class Paths:
    """The paths that the site offered, and the nodes that this end found by itself."""

    def __init__(self) -> None:
        self._paths: dict[PathGeneration, Path] = {}
        self._nodes: dict[PathGeneration, NodeId] = {}
        """Nodes that relays of shared paths have named."""

        self.order: list[PathGeneration] = []
        """Best first."""

    def __iter__(self) -> Iterator[Path]:
        return iter(tuple(self._paths.values()))

    def __getitem__(self, generation: PathGeneration) -> Path:
        return self._paths[generation]

    def add(self, paths: Iterable[Path]) -> tuple[Path, ...]:
        """Put those of *paths* that are new before the others, and return them."""
        new = tuple(path for path in paths if self._is_new(path))
        self._paths.update({path.generation: path for path in new})
        first = [path.generation for path in new]
        self.order = [*first, *(each for each in self.order if each not in first)]
        return new

    def node_of(self, generation: PathGeneration) -> str:
        """The node that path *generation* leads through, as far as it is known."""
        return self._paths[generation].node or self._nodes.get(generation) or ""

    def record_node(self, path: Path, node: NodeId | None) -> NodeId | None:
        """Record that the shared *path* led to *node*; returns *node* when that is new."""
        if path.node is not None or node is None or self._nodes.get(path.generation) == node:
            return None
        self._nodes[path.generation] = node
        return node

    def unreported_nodes(self, paths: Iterable[Path]) -> Iterator[tuple[PathGeneration, NodeId]]:
        """The nodes found for those of *paths* that the site still offers without a node."""
        for path in paths:
            node = self._nodes.get(path.generation)
            if path.node is None and node is not None:
                yield path.generation, node

    def leads_elsewhere(self, generation: PathGeneration, node: NodeId | None) -> bool:
        """Say whether path *generation* now belongs to another node than *node*."""
        return self._paths[generation].node not in {None, node}

    def _is_new(self, path: Path) -> bool:
        known = self._paths.get(path.generation)
        return known is None or (known.node is None and path.node is not None)
