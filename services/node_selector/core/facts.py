"""What is asked of a selection, and what is known of the two ends that it is asked for.

Nothing here is trusted further than to rank nodes. What had to be waited for, such as the answer
of a DNS server or the place of an address, was found before and stands here as a fact.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field

from shared.documents.node import Location
from shared.documents.selection import SelectionMethod, SelectionPolicy
from shared.domain.ids import Instant, NodeId, UnixMillis
from shared.domain.node import Side


@dataclass(frozen=True, slots=True)
class Named:
    """How DNS ranks a node: the least *priority* first, then drawn by *weight* unless all equal."""

    priority: int = 0
    weight: int = 0


@dataclass(frozen=True, slots=True)
class Lookup:
    """What DNS said for one end: the nodes that it named, or the *failure* why it named none.

    *basis* tells in the explanation where the answer is from.
    """

    nodes: Mapping[NodeId, Named] = field(default_factory=dict[NodeId, Named])
    basis: str = ""
    failure: str = ""


@dataclass(frozen=True, slots=True)
class Located:
    """Where an address is, or the *failure* why that is not known."""

    location: Location | None = None
    failure: str = "no database of places is configured"


@dataclass(frozen=True, slots=True)
class End:
    """One end of a session.

    *latency_ages_seconds* tells how old a measurement is; without an entry it is of now.
    *location* is unknown for the reason in *no_location*.
    """

    address: str
    side: Side = Side.CUSTOMER
    utc_offset_minutes: int | None = None
    latencies_ms: Mapping[NodeId, float] = field(default_factory=dict[NodeId, float])
    latency_ages_seconds: Mapping[NodeId, float] = field(default_factory=dict[NodeId, float])
    location: Location | None = None
    no_location: str = "no database of places is configured"
    lookups: Mapping[SelectionMethod, Lookup] = field(default_factory=dict[SelectionMethod, Lookup])
    left_out: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Question:
    """Who is to be placed, when, and where to or where not if it can be helped.

    *chance* is a random number of 64 bits: with it, equal questions have equal answers.
    """

    end: End
    other: End | None = None
    count: int = 3
    avoid: frozenset[NodeId] = frozenset()
    pin: NodeId | None = None
    current: NodeId | None = None
    chance: int = 0
    at: UnixMillis = UnixMillis(0)
    now: Instant = Instant(0.0)

    def ends(self, policy: SelectionPolicy) -> tuple[End, ...]:
        """Whose path counts under *policy*: the customer first where both do; never nobody."""
        if self.other is None:
            return (self.end,)
        both = (self.end, self.other)
        known = tuple(sorted(both, key=lambda end: end.side is not Side.CUSTOMER))
        if policy is SelectionPolicy.PAIR:
            return known
        chosen = tuple(end for end in known if end.side.value == policy.value)
        return chosen[:1] or (self.end,)
