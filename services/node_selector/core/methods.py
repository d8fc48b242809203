"""Orders eligible nodes by a method; each node gets a standing, the least cost is best.

`random` is weighted by capacity and weight, in one draw for the whole order: with *u* uniform for
each node, -ln(u)/weight ascending is sampling without replacement by weight (Efraimidis and
Spirakis, 2006). *u* comes from one number drawn by the caller and the node's name, so equal
questions have equal answers and a node that leaves does not shuffle the others.
`timezone_offset` takes the node whose clock on the wall is nearest to the client's. Of a client
that does not tell its offset it knows nothing: `random` decides, and the explanation says so.
`least_load` draws two as `random` does and takes the one that is less full: with live figures that
are a little old, taking the least full of all would send everybody to one node at once (the two
choices of Azar and others, 1999). `consistent` always takes the same node for a client while that
node lives, shared by capacity and weight; a node that leaves moves its own clients only.
A tie is broken by the rendezvous hash of client and node: equal nodes share evenly and stably.
"""

import hashlib
import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from services.node_selector.core.eligibility import Candidate
from services.node_selector.core.offsets import apart_minutes, shown
from shared.documents.selection import SelectionMethod
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


@dataclass(frozen=True, slots=True)
class Standings:
    """A node's standing with each method of a list, the first before the second."""

    costs: tuple[float, ...]
    basis: str


def standings(
    methods: Sequence[SelectionMethod], candidates: Sequence[Candidate], client: Client
) -> dict[NodeId, Standings]:
    """Where *methods*, the first before the second, put each of *candidates* for *client*."""
    each_method = [_by(method, candidates, client) for method in methods]
    return {
        each.node: Standings(
            tuple(found[each.node].cost for found in each_method),
            "; ".join(found[each.node].basis for found in each_method),
        )
        for each in candidates
    }


def _by(
    method: SelectionMethod, candidates: Sequence[Candidate], client: Client
) -> dict[NodeId, Standing]:
    match method:
        case SelectionMethod.RANDOM:
            return {each.node: _random(each, client) for each in candidates}
        case SelectionMethod.TIMEZONE_OFFSET:
            return {each.node: _timezone_offset(each, client) for each in candidates}
        case SelectionMethod.LEAST_LOAD:
            return _least_load(candidates, client)
        case SelectionMethod.CONSISTENT:
            return {each.node: _consistent(each, client) for each in candidates}
        case _:
            unknown = Standing(math.inf, f"{method}: nothing known")
            return {each.node: unknown for each in candidates}


def rendezvous(client: str, node: NodeId) -> int:
    """The node's place for this client among equals: the largest wins."""
    return _hash(client, node)


def _random(candidate: Candidate, client: Client) -> Standing:
    cost, weight = _drawn(candidate, str(client.chance))
    return Standing(cost, f"random, weight {weight}")


def _consistent(candidate: Candidate, client: Client) -> Standing:
    cost, weight = _drawn(candidate, client.address)
    return Standing(cost, f"always the same for {client.address}, weight {weight}")


def _least_load(candidates: Sequence[Candidate], client: Client) -> dict[NodeId, Standing]:
    drawn = sorted(candidates, key=lambda each: (_random(each, client).cost, each.node))
    pair, others = drawn[:2], drawn[2:]
    pair.sort(key=_fullness)
    order = [(each, "drawn for comparison") for each in pair]
    order += [(each, "not drawn") for each in others]
    return {
        each.node: Standing(place, f"{_sessions(each)} of {each.document.capacity} sessions; {how}")
        for place, (each, how) in enumerate(order)
    }


def _fullness(candidate: Candidate) -> float:
    return _sessions(candidate) / candidate.document.capacity


def _sessions(candidate: Candidate) -> int:
    return candidate.seen.load.sessions if candidate.seen is not None else 0


def _drawn(candidate: Candidate, by: str) -> tuple[float, int]:
    """The cost of a weighted draw that *by* decides, and the weight."""
    weight = candidate.document.capacity * candidate.document.weight
    uniform = (_hash(by, candidate.node) + 1) / _RANGE
    return -math.log(uniform) / weight if weight else math.inf, weight


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
