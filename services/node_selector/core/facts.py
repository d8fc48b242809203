"""The facts of a selection: the question, and what is known of the two ends of the session.

These facts are trusted to rank nodes and for nothing else. Facts that had to be waited for, such
as the answer of a DNS server or the place of an address, were collected before.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field

from shared.documents.node import Location
from shared.documents.selection import SelectionMethod, SelectionPolicy
from shared.domain.ids import Instant, NodeId, UnixMillis
from shared.domain.node import Side


@dataclass(frozen=True, slots=True)
class DnsRank:
    """The rank of a node in DNS: smaller *priority* first, then by *weight* unless all equal."""

    priority: int = 0
    weight: int = 0


@dataclass(frozen=True, slots=True)
class Lookup:
    """The nodes that DNS names for one end, or the *failure* why it names none.

    *basis* says in the explanation where the answer is from.
    """

    nodes: Mapping[NodeId, DnsRank] = field(default_factory=dict[NodeId, DnsRank])
    basis: str = ""
    failure: str = ""


@dataclass(frozen=True, slots=True)
class AddressLocation:
    """The place of an address, or the *failure* why it is unknown."""

    location: Location | None = None
    failure: str = "no database of places is configured"


@dataclass(frozen=True, slots=True)
class End:
    """One end of a session.

    *latency_ages_seconds* is the age of a measurement; without an entry it is 0.
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
    """The client to place, the time, and the nodes to prefer or avoid.

    *chance* is a random number of 64 bits: equal questions with equal chance have equal answers.
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
        """Return the ends whose path counts under *policy*, the customer first; at least one."""
        if self.other is None:
            return (self.end,)
        both = (self.end, self.other)
        known = tuple(sorted(both, key=lambda end: end.side is not Side.CUSTOMER))
        if policy is SelectionPolicy.PAIR:
            return known
        chosen = tuple(end for end in known if end.side.value == policy.value)
        return chosen[:1] or (self.end,)
