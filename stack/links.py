"""Lists the connections between nodes that run over links, which can be cut, and their ports.

Only a site for tests of faults has links. There every connection from a node to another node's
NATS server, of its services and of its own server, goes to a port of its own, where the
link proxy passes it on. A node reaches its own server directly: a partition lies between machines.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Final, Literal

Kind = Literal["client", "cluster"]

NOWHERE: Final = 9
"""The discard port. Servers say that they are found there, so that none goes around a link."""


@dataclass(frozen=True)
class Link:
    """The way from *origin* to a port of *target*'s NATS server; it listens on *port*."""

    origin: str
    target: str
    kind: Kind
    port: int


def links_between(
    nodes: Iterable[str], servers: Iterable[str], take: Callable[[], int]
) -> tuple[Link, ...]:
    """Every link of a site, each with a port from *take*: all nodes to *servers*, and those."""
    targets = tuple(servers)
    pairs = [(origin, target) for origin in nodes for target in targets if origin != target]
    clients = [Link(origin, target, "client", take()) for origin, target in pairs]
    routes = [
        Link(origin, target, "cluster", take()) for origin, target in pairs if origin in targets
    ]
    return (*clients, *routes)
