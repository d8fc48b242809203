"""Defines the order of nodes once, for answers and explanations.

Methods compose. The first in the list decides; nodes that it ranks equal or knows nothing of go to
the next, and remaining ties are ordered by the client's rendezvous hash. The order is an iterator,
so only as many nodes are ranked as the caller reads.
"""

from collections.abc import Iterator, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from itertools import chain
from typing import Final

from services.node_selector.core.balancing import Consistent, LeastLoad, Random
from services.node_selector.core.dns_methods import IpAnycast, Records
from services.node_selector.core.eligibility import Candidate
from services.node_selector.core.pool import Pool, joined
from services.node_selector.core.proximity import Geo, Latency, TimezoneOffset
from services.node_selector.core.ranking_context import NOBODY, RankingContext, RankingMethod
from services.node_selector.core.sampling import rendezvous_order
from shared.documents.selection import SelectionMethod
from shared.domain.ids import NodeId

METHODS: Final[dict[SelectionMethod, RankingMethod]] = {
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
"""The prefix lengths of the networks that hold the client, longest first, with their nodes."""


@dataclass(frozen=True, slots=True)
class EligiblePools:
    """Nodes that may take a client: those that are heard, and in a panic the silent ones."""

    sure: Pool
    doubtful: Pool

    @property
    def everybody(self) -> Pool:
        return joined((self.sure, self.doubtful))


def region_of(candidate: Candidate) -> str:
    return candidate.document.region


def rank_nodes(
    eligible: EligiblePools, matches: Matches, context: RankingContext
) -> Iterator[Candidate]:
    """Yield every eligible node, best first.

    The pinned node comes first. Then nodes that are heard, then doubtful ones; among them the
    client's networks decide before the regions, and the regions before the methods. Nodes to avoid
    come last, whatever they match.
    """
    avoid, pin = context.question.avoid, context.question.pin
    if pin is None and not avoid and not eligible.doubtful.members:
        return _by_network(eligible.sure, matches, context, NOBODY)
    return _in_parts(eligible, matches, context)


def _in_parts(
    eligible: EligiblePools, matches: Matches, context: RankingContext
) -> Iterator[Candidate]:
    avoid, pin = context.question.avoid, context.question.pin
    skip = avoid
    if pin in eligible.sure and pin not in avoid:
        assert pin is not None, "a pool holds a node without a name"
        yield eligible.sure.members[pin]
        skip = avoid | {pin}
    for pool in (eligible.sure, eligible.doubtful):
        yield from _by_network(pool, matches, context, skip)
    for pool in (eligible.sure, eligible.doubtful) if avoid else ():
        avoided = Pool(each for node, each in pool.members.items() if node in avoid)
        yield from _by_network(avoided, matches, context, NOBODY)


def _by_network(
    pool: Pool, matches: Matches, context: RankingContext, skip: frozenset[NodeId]
) -> Iterator[Candidate]:
    if not matches:
        return _by_region(pool, context, skip)
    return _matching_first(pool, matches, context, skip)


def _matching_first(
    pool: Pool, matches: Matches, context: RankingContext, skip: frozenset[NodeId]
) -> Iterator[Candidate]:
    members = pool.members
    for _, nodes in matches:
        found = [members[node] for node in nodes if node in members and node not in skip]
        if len(found) == 1:
            yield found[0]
        elif found:
            yield from _by_region(Pool(found), context, NOBODY)
        skip = skip.union([each.node for each in found])
    yield from _by_region(pool, context, skip)


def _by_region(
    pool: Pool, context: RankingContext, skip: AbstractSet[NodeId]
) -> Iterator[Candidate]:
    preferred, methods = context.rule.regions.affinity, context.rule.methods
    if not preferred:
        return _by_methods(pool, methods, context, skip)
    parts = _in_regions(pool, preferred)
    return chain.from_iterable(_by_methods(part, methods, context, skip) for part in parts)


def _in_regions(pool: Pool, preferred: Sequence[str]) -> Iterator[Pool]:
    parts = pool.split(region_of)
    yield from (parts[region] for region in preferred if region in parts)
    yield joined(part for region, part in parts.items() if region not in preferred)


def _by_methods(
    pool: Pool,
    methods: Sequence[SelectionMethod],
    context: RankingContext,
    skip: AbstractSet[NodeId],
) -> Iterator[Candidate]:
    if len(pool.members) == 1:
        return (each for node, each in pool.members.items() if node not in skip)
    if not methods:
        return rendezvous_order(pool, context.client_number, context.shares, skip)

    def order_ties(group: Pool) -> Iterator[Candidate]:
        return _by_methods(group, methods[1:], context, skip)

    return METHODS[methods[0]].order(pool, context, skip, order_ties)


@dataclass(frozen=True, slots=True)
class RankingDecision:
    """The first method that could rank, and a note on those before it that could not."""

    method: str
    notes: tuple[str, ...] = ()


TIE_BREAKER: Final = "rendezvous"
"""The name of what decides when no method can rank."""


def decision(eligible: EligiblePools, context: RankingContext) -> RankingDecision:
    """Return which method decides this question, whichever node wins."""
    everybody, passed = eligible.everybody, list[str]()
    for method in context.rule.methods:
        why = METHODS[method].missing_facts(everybody, context)
        if not why:
            return RankingDecision(method, _note(passed, method))
        passed.append(f"{method} failed: {why}")
    return RankingDecision(TIE_BREAKER, _note(passed, TIE_BREAKER))


def is_chosen_by_network(
    decided: RankingDecision, eligible: EligiblePools, matches: Matches, context: RankingContext
) -> bool:
    """Say whether the client goes to the shared address: no pin or prefix precedes the methods."""
    everybody = eligible.everybody
    is_pinned = context.question.pin in everybody
    is_matched = any(node in everybody for _, nodes in matches for node in nodes)
    return decided.method == SelectionMethod.IP_ANYCAST and not is_pinned and not is_matched


def _note(passed: list[str], method: str) -> tuple[str, ...]:
    return ("; ".join([*passed, f"{method} decided"]),) if passed else ()
