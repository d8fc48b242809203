"""The one description of the order of nodes; answers and explanations both read it.

Methods compose: the first in the list decides, what it sees no difference between or knows nothing
of goes to the next, and what is left equal is shared by the client's rendezvous hash. Only as much
is ranked as is asked for: the order is an iterator, and whoever wants three nodes takes three.
"""

from collections.abc import Iterator, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from itertools import chain
from typing import Final

from services.node_selector.core.asked import NOBODY, Asked, Method
from services.node_selector.core.chance import Consistent, LeastLoad, Random
from services.node_selector.core.draws import by_hash
from services.node_selector.core.eligibility import Candidate
from services.node_selector.core.nearest import Geo, Latency, TimezoneOffset
from services.node_selector.core.pool import Pool, joined
from services.node_selector.core.records import IpAnycast, Records
from shared.documents.selection import SelectionMethod
from shared.domain.ids import NodeId

METHODS: Final[dict[SelectionMethod, Method]] = {
    SelectionMethod.RANDOM: Random(),
    SelectionMethod.A_RECORD: Records(SelectionMethod.A_RECORD),
    SelectionMethod.SRV_RECORD: Records(SelectionMethod.SRV_RECORD),
    SelectionMethod.IP_ANYCAST: IpAnycast(),
    SelectionMethod.TIMEZONE_OFFSET: TimezoneOffset(),
    SelectionMethod.LATENCY: Latency(),
    SelectionMethod.LEAST_LOAD: LeastLoad(),
    SelectionMethod.GEO: Geo(),
    SelectionMethod.CONSISTENT: Consistent(),
}

Matches = Sequence[tuple[int, Sequence[NodeId]]]
"""The lengths of the networks that the client lies in, longest first, and whose they are."""


@dataclass(frozen=True, slots=True)
class Eligible:
    """Who may take a client: nodes that are heard, and nodes whose silence is not believed."""

    sure: Pool
    doubtful: Pool

    @property
    def everybody(self) -> Pool:
        return joined((self.sure, self.doubtful))


def region_of(candidate: Candidate) -> str:
    return candidate.document.region


def ranking(eligible: Eligible, matches: Matches, asked: Asked) -> Iterator[Candidate]:
    """Every eligible node, best first.

    A node that the session is pinned to comes first. Then whoever is heard, then whoever is
    doubtful; among them the client's networks before the regions before the methods. Nodes to be
    avoided come last whatever they match: they are better than nothing.
    """
    avoid, pin = asked.question.avoid, asked.question.pin
    if pin is None and not avoid and not eligible.doubtful.members:
        return _by_network(eligible.sure, matches, asked, NOBODY)
    return _in_parts(eligible, matches, asked)


def _in_parts(eligible: Eligible, matches: Matches, asked: Asked) -> Iterator[Candidate]:
    avoid, pin = asked.question.avoid, asked.question.pin
    skip = avoid
    if pin in eligible.sure and pin not in avoid:
        assert pin is not None, "nobody is called nothing"
        yield eligible.sure.members[pin]
        skip = avoid | {pin}
    for pool in (eligible.sure, eligible.doubtful):
        yield from _by_network(pool, matches, asked, skip)
    for pool in (eligible.sure, eligible.doubtful) if avoid else ():
        avoided = Pool(each for node, each in pool.members.items() if node in avoid)
        yield from _by_network(avoided, matches, asked, NOBODY)


def _by_network(
    pool: Pool, matches: Matches, asked: Asked, skip: frozenset[NodeId]
) -> Iterator[Candidate]:
    if not matches:
        return _by_region(pool, asked, skip)
    return _matching_first(pool, matches, asked, skip)


def _matching_first(
    pool: Pool, matches: Matches, asked: Asked, skip: frozenset[NodeId]
) -> Iterator[Candidate]:
    members = pool.members
    for _, nodes in matches:
        found = [members[node] for node in nodes if node in members and node not in skip]
        if len(found) == 1:
            yield found[0]
        elif found:
            yield from _by_region(Pool(found), asked, NOBODY)
        skip = skip.union([each.node for each in found])
    yield from _by_region(pool, asked, skip)


def _by_region(pool: Pool, asked: Asked, skip: AbstractSet[NodeId]) -> Iterator[Candidate]:
    preferred, methods = asked.rule.regions.affinity, asked.rule.methods
    if not preferred:
        return _by_methods(pool, methods, asked, skip)
    parts = _in_regions(pool, preferred)
    return chain.from_iterable(_by_methods(part, methods, asked, skip) for part in parts)


def _in_regions(pool: Pool, preferred: Sequence[str]) -> Iterator[Pool]:
    parts = pool.split(region_of)
    yield from (parts[region] for region in preferred if region in parts)
    yield joined(part for region, part in parts.items() if region not in preferred)


def _by_methods(
    pool: Pool, methods: Sequence[SelectionMethod], asked: Asked, skip: AbstractSet[NodeId]
) -> Iterator[Candidate]:
    if len(pool.members) == 1:
        return (each for node, each in pool.members.items() if node not in skip)
    if not methods:
        return by_hash(pool, asked.spread, asked.shares, skip)

    def equals(group: Pool) -> Iterator[Candidate]:
        return _by_methods(group, methods[1:], asked, skip)

    return METHODS[methods[0]].order(pool, asked, skip, equals)


@dataclass(frozen=True, slots=True)
class Decision:
    """The first method that knew something, and a note on those before it that did not."""

    method: str
    notes: tuple[str, ...] = ()


TIED: Final = "rendezvous"
"""What decides when no method knows anything."""


def decision(eligible: Eligible, asked: Asked) -> Decision:
    """Which method decides for this question, whoever wins."""
    everybody, passed = eligible.everybody, list[str]()
    for method in asked.rule.methods:
        why = METHODS[method].nothing_known(everybody, asked)
        if not why:
            return Decision(method, _note(passed, method))
        passed.append(f"{method} failed: {why}")
    return Decision(TIED, _note(passed, TIED))


def network_chooses(decided: Decision, eligible: Eligible, matches: Matches, asked: Asked) -> bool:
    """Whether the client goes to the shared address; a pin and prefixes go before every method."""
    everybody = eligible.everybody
    is_pinned = asked.question.pin in everybody
    is_matched = any(node in everybody for _, nodes in matches for node in nodes)
    return decided.method == SelectionMethod.IP_ANYCAST and not is_pinned and not is_matched


def _note(passed: list[str], method: str) -> tuple[str, ...]:
    return ("; ".join([*passed, f"{method} decided"]),) if passed else ()
