"""Orders eligible nodes by a method; each node gets a standing, the least cost is best.

`random` is weighted by capacity and weight, in one draw for the whole order: with *u* uniform for
each node, -ln(u)/weight ascending is sampling without replacement by weight (Efraimidis and
Spirakis, 2006). *u* comes from one number drawn by the caller and the node's name, so equal
questions have equal answers and a node that leaves does not shuffle the others.
`timezone_offset` takes the node whose clock on the wall is nearest to the client's. Of a client
that does not tell its offset it knows nothing: `random` decides, and the explanation says so.
A tie is broken by the rendezvous hash of client and node: equal nodes share evenly and stably.
"""

import hashlib
import math
from dataclasses import dataclass
from typing import Final, assert_never

from services.node_selector.core.eligibility import Candidate
from services.node_selector.core.offsets import apart_minutes, shown
from shared.documents.site import SelectionMethod
from shared.domain.ids import NodeId, UnixMillis
from shared.domain.timezone import offset_minutes

_RANGE: Final = 2**64


@dataclass(frozen=True, slots=True)
class Client:
    """Who is to be placed, when, and where not to if it can be helped."""

    address: str
    count: int = 3
    avoid: frozenset[NodeId] = frozenset()
    chance: int = 0
    utc_offset_minutes: int | None = None
    at: UnixMillis = UnixMillis(0)


@dataclass(frozen=True, slots=True)
class Standing:
    """How far back a method puts a node (`inf`: behind everybody), and what it went by."""

    cost: float
    basis: str


def standing(method: SelectionMethod, candidate: Candidate, client: Client) -> Standing:
    """Where *method* puts *candidate* for *client*."""
    match method:
        case SelectionMethod.RANDOM:
            return _random(candidate, client)
        case SelectionMethod.TIMEZONE_OFFSET:
            return _timezone_offset(candidate, client)
    assert_never(method)


def rendezvous(client: str, node: NodeId) -> int:
    """The node's place for this client among equals: the largest wins."""
    return _hash(client, node)


def _random(candidate: Candidate, client: Client) -> Standing:
    weight = candidate.document.capacity * candidate.document.weight
    uniform = (_hash(str(client.chance), candidate.node) + 1) / _RANGE
    cost = -math.log(uniform) / weight if weight else math.inf
    return Standing(cost, f"random, weight {weight}")


def _timezone_offset(candidate: Candidate, client: Client) -> Standing:
    if client.utc_offset_minutes is None:
        drawn = _random(candidate, client)
        return Standing(drawn.cost, f"the client's UTC offset is unknown; {drawn.basis}")
    if candidate.document.timezone is None:
        return Standing(math.inf, "no timezone")
    here = offset_minutes(candidate.document.timezone, client.at)
    minutes = apart_minutes(here, client.utc_offset_minutes)
    clocks = f"{shown(here)}, client {shown(client.utc_offset_minutes)}"
    return Standing(minutes, f"{minutes} minutes around the clock ({clocks})")


def _hash(first: str, second: str) -> int:
    text = f"{len(first)}:{first}{second}".encode()
    return int.from_bytes(hashlib.sha256(text).digest()[:8])
