"""Decides which relays an endpoint measures before it is placed: few, near, and from everywhere.

A site of a thousand nodes must not cost a thousand probes. Half of the nodes are the nearest by
what is known without measuring; the others are the best of each other region, so that a wrong
guess (a clock set to UTC, an address behind a VPN) is noticed by the measurement. The same endpoint
gets the same nodes as long as nothing changes, so it can keep what it measured.
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import Final

from shared.documents.node import NodeDocument
from shared.documents.selection import Selection, SelectionMethod, SelectionOverride, merged
from shared.domain.ids import NodeId
from shared.domain.placement import Choice, NodeVerdict

MOST_PROBED: Final = 8
GUESSES: Final = (SelectionMethod.GEO, SelectionMethod.TIMEZONE_OFFSET)
"""Methods that guess which nodes are near before a measurement, the better guess first."""


def uses_latency(site: Selection, overrides: Iterable[SelectionOverride]) -> bool:
    """Say whether any rule of the site goes by latency; if none does, endpoints measure nothing."""
    rules = (site, *(merged(site, override) for override in overrides))
    return any(SelectionMethod.LATENCY in rule.methods for rule in rules)


def rank_nodes(explanation: Iterable[NodeVerdict]) -> tuple[NodeId, ...]:
    """List the nodes that may take a client, in the order of the *explanation*."""
    places = [(each.rank, each.node) for each in explanation if each.rank is not None]
    return tuple(node for _, node in sorted(places))


def choose_nodes_to_probe(
    order: Sequence[NodeId], nodes: Mapping[NodeId, NodeDocument], most: int = MOST_PROBED
) -> tuple[Choice, ...]:
    """Choose at most *most* nodes of *order*: the first ones, and the first of each region."""
    reachable = [node for node in order if node in nodes and nodes[node].public_address is not None]
    near = reachable[: most // 2]
    first_of: dict[str, NodeId] = {}
    for node in reachable:
        first_of.setdefault(nodes[node].region, node)
    chosen = list(dict.fromkeys([*near, *first_of.values(), *reachable]))[:most]
    return tuple(_choice(node, nodes[node]) for node in chosen)


def _choice(node: NodeId, document: NodeDocument) -> Choice:
    address = document.public_address
    assert address is not None, "a node that nobody can reach is not measured"
    return Choice(node=node, host=address.host, port=address.port)
