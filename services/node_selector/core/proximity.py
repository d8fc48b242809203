"""Ranks near nodes first: by UTC offset, by latency, by distance.

Each computes a cost for an end and a node. Costs of both ends may be added: under the policy `pair`
the whole path counts. An end of which the method knows nothing is left out of the sum. A node with
a cost for only one of two such ends is unknown, because half a path is no path.
"""

from collections.abc import Callable, Hashable, Iterator, Sequence
from collections.abc import Set as AbstractSet
from itertools import chain, groupby
from math import asin, cos, radians, sin, sqrt
from typing import Any, Final

from services.node_selector.core.eligibility import Candidate
from services.node_selector.core.facts import End
from services.node_selector.core.offsets import apart_minutes, shown
from services.node_selector.core.pool import Pool
from services.node_selector.core.ranking_context import RankingContext, TieOrder, without
from shared.domain.ids import NodeId, UnixMillis
from shared.domain.timezone import offset_minutes

EARTH_RADIUS_KM: Final = 6_371.0
MINUTE_MS: Final = 60_000

Ranked = Sequence[tuple[Hashable, ...]]
"""Values of a property, best first, values of equal cost together."""


def timezone_of(candidate: Candidate) -> str | None:
    return candidate.document.timezone


def location_of(candidate: Candidate) -> tuple[float, float] | None:
    place = candidate.document.location
    return None if place is None else (place.latitude, place.longitude)


def _ranked(pool: Pool, of: Callable[[Candidate], Hashable], cost: Callable[[Any], int]) -> Ranked:
    """Rank the values of a property in *pool* by cost; nodes without one come last."""
    values = pool.split(of)
    known = sorted(
        ((cost(value), value) for value in values if value is not None),
        key=lambda each: each[0],
    )
    by_cost = groupby(known, key=lambda each: each[0])
    ranked = [tuple(value for _, value in same) for _, same in by_cost]
    return [*ranked, (None,)] if None in values else ranked


def _in_turn(
    pool: Pool, of: Callable[[Candidate], Hashable], ranked: Ranked, order_ties: TieOrder
) -> Iterator[Candidate]:
    groups = (group for values in ranked if (group := pool.joined(of, values)).members)
    return chain.from_iterable(map(order_ties, groups))


class TimezoneOffset:
    """Prefers the nearest UTC offset, around the day."""

    def missing_facts(self, pool: Pool, context: RankingContext) -> str:
        if not self._known(context):
            return f"the UTC offset of the {context.end.side} is unknown"
        zones = pool.split(timezone_of)
        named = any(zone is not None and part.members for zone, part in zones.items())
        return "" if named else "no node has a timezone"

    def order(
        self, pool: Pool, context: RankingContext, skip: AbstractSet[NodeId], order_ties: TieOrder
    ) -> Iterator[Candidate]:
        del skip
        offsets, at = self._known(context), context.question.at
        if not offsets:
            return order_ties(pool)
        ranked = pool.memoize(
            ("timezone_offset", offsets, at // MINUTE_MS),
            lambda: _ranked(pool, timezone_of, lambda zone: _apart(zone, offsets, at)),
        )
        return _in_turn(pool, timezone_of, ranked, order_ties)

    def basis(self, candidate: Candidate, context: RankingContext) -> str:
        zone, at = candidate.document.timezone, context.question.at
        if zone is None:
            return "no timezone"
        sides = {end.side: end.utc_offset_minutes for end in context.ends}
        offsets = self._known(context)
        if not offsets:
            return f"the UTC offset of the {context.end.side} is unknown"
        clocks = ", ".join(f"{side} {shown(off)}" for side, off in sides.items() if off is not None)
        minutes = _apart(zone, offsets, at)
        return f"{minutes} minutes around the clock ({shown(offset_minutes(zone, at))}, {clocks})"

    def _known(self, context: RankingContext) -> tuple[int, ...]:
        minutes_each = [each.utc_offset_minutes for each in context.ends]
        return tuple([minutes for minutes in minutes_each if minutes is not None])


def _apart(zone: str, offsets: tuple[int, ...], at: UnixMillis) -> int:
    here = offset_minutes(zone, at)
    return sum(apart_minutes(here, offset) for offset in offsets)


class Geo:
    """Prefers the shortest distance on the globe, in whole kilometres."""

    def missing_facts(self, pool: Pool, context: RankingContext) -> str:
        if not self._known(context):
            return context.end.no_location
        places = pool.split(location_of)
        placed = any(place is not None and part.members for place, part in places.items())
        return "" if placed else "no node has a location"

    def order(
        self, pool: Pool, context: RankingContext, skip: AbstractSet[NodeId], order_ties: TieOrder
    ) -> Iterator[Candidate]:
        del skip
        ends = self._known(context)
        if not ends:
            return order_ties(pool)
        ranked = pool.memoize(
            ("geo", ends),
            lambda: _ranked(pool, location_of, lambda place: _distance_km(place, ends)),
        )
        return _in_turn(pool, location_of, ranked, order_ties)

    def basis(self, candidate: Candidate, context: RankingContext) -> str:
        place, ends = location_of(candidate), self._known(context)
        if not ends:
            return context.end.no_location
        return "no location" if place is None else f"{_distance_km(place, ends):,} km"

    def _known(self, context: RankingContext) -> tuple[tuple[float, float], ...]:
        return tuple(
            (end.location.latitude, end.location.longitude)
            for end in context.ends
            if end.location is not None
        )


def _distance_km(place: tuple[float, float], ends: tuple[tuple[float, float], ...]) -> int:
    return round(sum(great_circle_km(place, end) for end in ends))


def great_circle_km(one: tuple[float, float], other: tuple[float, float]) -> float:
    """Return the distance between two places in degrees north and east (haversine)."""
    north, south = radians(one[0]), radians(other[0])
    up, along = sin((north - south) / 2), sin(radians(one[1] - other[1]) / 2)
    return 2 * EARTH_RADIUS_KM * asin(min(1.0, sqrt(up * up + cos(north) * cos(south) * along**2)))


class Latency:
    """Prefers the shortest latency that the ends measured.

    The node that the session has keeps its place unless another is nearer by `hysteresis_ms`, so
    that small differences do not move it back and forth.
    """

    def missing_facts(self, pool: Pool, context: RankingContext) -> str:
        if not self._measuring(context):
            return f"the {context.end.side} measured no node"
        if not any(self._cost(node, context) is not None for node in self._measured(pool, context)):
            return f"no measurement of a node here is younger than {_oldest(context):g} s"
        return ""

    def order(
        self, pool: Pool, context: RankingContext, skip: AbstractSet[NodeId], order_ties: TieOrder
    ) -> Iterator[Candidate]:
        del skip
        costs = [
            (cost, node)
            for node in self._measured(pool, context)
            if (cost := self._cost(node, context)) is not None
        ]
        costs.sort()
        for _, same in groupby(costs, key=lambda each: each[0]):
            yield from order_ties(Pool(pool.members[node] for _, node in same))
        known = {node for _, node in costs}
        if len(known) < len(pool):
            yield from order_ties(without(pool, known) if known else pool)

    def basis(self, candidate: Candidate, context: RankingContext) -> str:
        node, oldest = candidate.node, _oldest(context)
        parts = [
            f"{end.latencies_ms[node]:.1f} ms from the {end.side}"
            + (f", too old: {age:.0f} s" if (age := _age(end, node)) > oldest else "")
            for end in context.ends
            if node in end.latencies_ms
        ]
        if not parts:
            return "latency not measured"
        kept = " (it has the session)" if node == context.question.current else ""
        return " + ".join(parts) + kept

    def _measuring(self, context: RankingContext) -> list[End]:
        return [end for end in context.ends if end.latencies_ms]

    def _measured(self, pool: Pool, context: RankingContext) -> Iterator[NodeId]:
        """Yield the nodes that the first measuring end measured; a sum needs every end anyway."""
        for end in self._measuring(context)[:1]:
            yield from (node for node in end.latencies_ms if node in pool.members)

    def _cost(self, node: NodeId, context: RankingContext) -> float | None:
        oldest, total = _oldest(context), 0.0
        for end in self._measuring(context):
            latency = end.latencies_ms.get(node)
            if latency is None or _age(end, node) > oldest:
                return None
            total += latency
        if node == context.question.current:
            return total - context.rule.latency.hysteresis_ms
        return total


def _age(end: End, node: NodeId) -> float:
    return end.latency_ages_seconds.get(node, 0.0)


def _oldest(context: RankingContext) -> float:
    return context.rule.latency.maximum_age_seconds
