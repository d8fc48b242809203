"""Orders eligible nodes by the site's method; each node gets a cost, the least is best.

`random` is weighted by capacity and weight, in one draw for the whole order: with *u* uniform for
each node, -ln(u)/weight ascending is sampling without replacement by weight (Efraimidis and
Spirakis, 2006). *u* comes from one number drawn by the caller and the node's name, so equal
questions have equal answers and a node that leaves does not shuffle the others.
A tie is broken by the rendezvous hash of client and node: equal nodes share evenly and stably.
"""

import hashlib
import math
from typing import Final, assert_never

from shared.documents.node import NodeDocument
from shared.documents.site import SelectionMethod
from shared.domain.ids import NodeId

_RANGE: Final = 2**64


def cost(method: SelectionMethod, node: NodeId, document: NodeDocument, chance: int) -> float:
    """How far back *method* puts the node; `inf` is behind everybody."""
    match method:
        case SelectionMethod.RANDOM:
            weight = document.capacity * document.weight
            uniform = (_hash(str(chance), node) + 1) / _RANGE
            return -math.log(uniform) / weight if weight else math.inf
    assert_never(method)


def basis(method: SelectionMethod, document: NodeDocument) -> str:
    """What the method went by, for the explanation."""
    match method:
        case SelectionMethod.RANDOM:
            return f"random, weight {document.capacity * document.weight}"
    assert_never(method)


def rendezvous(client: str, node: NodeId) -> int:
    """The node's place for this client among equals: the largest wins."""
    return _hash(client, node)


def _hash(first: str, second: str) -> int:
    text = f"{len(first)}:{first}{second}".encode()
    return int.from_bytes(hashlib.sha256(text).digest()[:8])
