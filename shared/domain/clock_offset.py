"""Clock offsets, as measured by question and answer, and what they say about a clock.

A message's age shows nothing of a clock: on a busy machine it comes seconds late. A question and
its answer do: the answer's stamp was taken between both, so it is compared with the middle of
sending and receiving (the offset of NTP, RFC 5905 section 8, with one stamp of the answerer's).
The error is at most half the round trip, so an offset counts only where that took a second at most.

Offsets are kept for each service of a node, because one process alone may have a wrong clock.
They are words for operators: no lease, grant, session or message is judged by them.
"""

from collections import OrderedDict
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

from shared.domain.ids import Instant, NodeId, UnixMillis

LONGEST_ROUND_TRIP_SECONDS: Final = 1.0
"""An answer that took longer says too little about the clock, and is not kept."""

ALERT_MS: Final = 5_000
"""From here on a clock is off."""

SUSPECTED_SECONDS: Final = 30.0
STALE_SECONDS: Final = 180.0
"""An offset that was measured longer ago is not spoken of: the clock may have been set."""

TOGETHER_SECONDS: Final = 10.0
"""Offsets of one node that lie further apart are not compared: its clock may have been set."""

TWO_MINUTES_MS: Final = 120_000
CLOCKS_KEPT: Final = 2_000

ClockName = tuple[NodeId, str]
"""A service of a node: whose clock it is."""


@dataclass(frozen=True, slots=True)
class ClockOffset:
    """How far a clock is ahead of ours, in milliseconds; measured at *at*, exact to *error_ms*."""

    ahead_ms: int
    error_ms: int
    at: Instant

    @property
    def is_off(self) -> bool:
        return abs(self.ahead_ms) >= ALERT_MS


def measure_offset(
    stamp: UnixMillis, received_ms: UnixMillis, sent_at: Instant, received_at: Instant
) -> ClockOffset | None:
    """Measure the clock that stamped an answer; None when the round trip was too long.

    The round trip is counted on the clock that nobody sets, from *sent_at* to *received_at*, so
    that our own time of day may be set meanwhile; *received_ms* is that time at the end.
    """
    seconds = received_at - sent_at
    if not 0 <= seconds <= LONGEST_ROUND_TRIP_SECONDS:
        return None
    half = round(seconds * 500)
    return ClockOffset(stamp - (received_ms - half), half, received_at)


class ClockOffsets:
    """The last offset of each clock that answered us, and the clocks that are suspected.

    A clock is suspected while its messages come with stamps far from our time, until it has
    answered. Both are bounded: a member may invent names.
    """

    def __init__(self) -> None:
        self._offsets: OrderedDict[ClockName, ClockOffset] = OrderedDict()
        self._suspected: OrderedDict[ClockName, Instant] = OrderedDict()

    def record(self, clock: ClockName, offset: ClockOffset) -> None:
        """Keep the *offset* of *clock* in place of the one before."""
        self._offsets[clock] = offset
        self._offsets.move_to_end(clock)
        self._suspected.pop(clock, None)
        _bound(self._offsets)

    def suspect(self, clock: ClockName, now: Instant) -> None:
        """Note that a message of *clock* was stamped far from our time: late, or by a wrong clock.

        A measured offset that explains it leaves no question open.
        """
        known = self._offsets.get(clock)
        if known is None or not known.is_off:
            self._suspected[clock] = now
            self._suspected.move_to_end(clock)
            _bound(self._suspected)

    def forget(self) -> None:
        """Drop every offset: our own clock was set, and they were measured against it."""
        self._offsets.clear()

    def suspected(self, now: Instant) -> frozenset[ClockName]:
        """Return the clocks whose messages came lately with stamps far from our time."""
        found = self._suspected.items()
        return frozenset(clock for clock, at in found if now - at <= SUSPECTED_SECONDS)

    def of_clock(self, clock: ClockName, now: Instant) -> ClockOffset | None:
        """Return the offset of *clock*; None when none was measured lately."""
        offset = self._offsets.get(clock)
        return None if offset is None or now - offset.at > STALE_SECONDS else offset

    def of_node(self, node: NodeId, now: Instant) -> dict[str, ClockOffset]:
        """Return the offsets of *node*'s services that were measured lately."""
        services = (service for name, service in self._offsets if name == node)
        found = {service: self.of_clock((node, service), now) for service in services}
        return {service: offset for service, offset in found.items() if offset is not None}

    def worst(self, node: NodeId, now: Instant) -> "MeasuredClock | None":
        """Return the clock of *node* that is furthest from ours; None when none was measured."""
        offsets = self.of_node(node, now)
        if not offsets:
            return None
        service = max(sorted(offsets), key=lambda name: abs(offsets[name].ahead_ms))
        worst = offsets[service]
        now_too = [each for each in offsets.values() if each.at >= worst.at - TOGETHER_SECONDS]
        is_alone = worst.is_off and not all(each.is_off for each in now_too)
        seconds = max(0, round(now - worst.at))
        return MeasuredClock(service, worst.ahead_ms, worst.error_ms, seconds, is_alone=is_alone)


@dataclass(frozen=True, slots=True)
class MeasuredClock:
    """A node's clock against the clock of the one who measured it, *measured_seconds_ago*.

    *service* gave the answer; with *is_alone* other services of the node have another time.
    """

    service: str
    ahead_ms: int
    error_ms: int
    measured_seconds_ago: int
    is_alone: bool = False

    @property
    def is_off(self) -> bool:
        return abs(self.ahead_ms) >= ALERT_MS

    def describe(self) -> str:
        """Say how far the clock is off."""
        whose = f"the clock of its {self.service}" if self.is_alone else "its clock"
        ago = f"measured {self.measured_seconds_ago} s ago"
        return f"{whose} is {describe_offset(self.ahead_ms)} ({ago})"


def describe_offset(ahead_ms: int) -> str:
    """Write an offset in words: `40 s ahead`, `7.5 s behind`, `1 h 0 min ahead`."""
    milliseconds = abs(ahead_ms)
    where = "ahead" if ahead_ms >= 0 else "behind"
    if milliseconds < TWO_MINUTES_MS:
        return f"{milliseconds / 1_000:.1f} s {where}".replace(".0 s", " s")
    hours, minutes = divmod(round(milliseconds / 60_000), 60)
    return f"{hours} h {minutes} min {where}" if hours else f"{minutes} min {where}"


def describe_own_clock(own: NodeId, peers: Iterable[tuple[NodeId, ClockOffset]]) -> str | None:
    """Say how far our own clock is off against those of *peers*; None when it is not.

    Another service of our own node has the same machine's clock: where that differs, this process
    is wrong. Otherwise our clock is off when every other node's says so, in the same direction.
    Where one node out of several differs it is that one's clock, and not ours, that is off.
    """
    known = list(peers)
    for group in (_of(known, own, same=True), _of(known, own, same=False)):
        if not group or not all(offset.is_off for _, offset in group):
            continue
        if len({offset.ahead_ms > 0 for _, offset in group}) == 1:
            least = min((offset.ahead_ms for _, offset in group), key=abs)
            names = " and ".join(sorted({f"{node}'s" for node, _ in group}))
            ours = describe_offset(-least).replace("ahead", "ahead of")
            return f"this clock is {ours} {names}: set the time of this machine (NTP)"
    return None


def _of(
    peers: Iterable[tuple[NodeId, ClockOffset]], own: NodeId, *, same: bool
) -> list[tuple[NodeId, ClockOffset]]:
    return [each for each in peers if (each[0] == own) is same]


def _bound(kept: "OrderedDict[ClockName, ClockOffset] | OrderedDict[ClockName, Instant]") -> None:
    while len(kept) > CLOCKS_KEPT:
        kept.popitem(last=False)
