"""Decides which clocks to ask for their time, whose clock is off, and when that is news."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Final

from shared.domain.backoff import Backoff
from shared.domain.clock_offset import ClockName, MeasuredClock
from shared.domain.ids import Instant, NodeId
from shared.domain.liveness import Liveness
from shared.domain.node import NodeRole
from shared.events.node import ClockChanged

SELDOM_SECONDS: Final = 60.0
OFTEN_SECONDS: Final = 5.0
UNANSWERED: Final = Backoff(OFTEN_SECONDS, SELDOM_SECONDS)
AT_ONCE: Final = 8

RIGHT_MS: Final = 4_000
"""A clock that was off is right again below this; in between it stays what it was."""

SEVERAL: Final = 2
"""So many clocks that are all off in one direction show that ours is."""

SERVICES: Final[Mapping[NodeRole, tuple[str, ...]]] = {
    NodeRole.MASTER: (
        *("failover_monitor", "config", "gateway", "node_selector"),
        *("relay", "replication", "webhooks"),
    ),
    NodeRole.TRAFFIC: ("relay", "replication"),
    NodeRole.WITNESS: (),
}
"""The services of a node, the one that sends its heartbeats first."""


def choose_clocks(
    roles: Mapping[NodeId, NodeRole], states: Mapping[NodeId, Liveness | None]
) -> dict[NodeId, tuple[str, ...]]:
    """Name the services to ask: all of a live node, and the one that speaks for a silent one."""
    return {
        node: SERVICES[role] if states.get(node) is Liveness.ALIVE else SERVICES[role][:1]
        for node, role in roles.items()
    }


@dataclass(slots=True)
class _Asked:
    """When a clock was asked last, and how often it gave no answer in a row."""

    at: Instant
    failures: int = 0

    def due_at(self, *, urgent: bool) -> Instant:
        """Return when it is asked again."""
        if urgent:
            return Instant(self.at + OFTEN_SECONDS)
        pause = UNANSWERED.pause_seconds(self.failures) if self.failures else SELDOM_SECONDS
        return Instant(self.at + pause)


class ClockQuestions:
    """When to ask which clock: seldom, but often where one is off or suspected.

    One that gives no answer is asked soon again, and less and less often. At most AT_ONCE are asked
    at a time, those first that are off or suspected.
    """

    def __init__(self, own: ClockName) -> None:
        """Ask every clock but *own*, which is this process's."""
        self._own = own
        self._asked: dict[ClockName, _Asked] = {}

    def due(
        self, wanted: Mapping[NodeId, tuple[str, ...]], urgent: frozenset[ClockName], now: Instant
    ) -> tuple[ClockName, ...]:
        """Choose of the services *wanted* whom to ask now; the *urgent* are suspected or off."""
        clocks = {(node, service) for node, services in wanted.items() for service in services}
        clocks |= {each for each in urgent if each[0] in wanted}
        for gone in self._asked.keys() - clocks:
            del self._asked[gone]
        due_at = {each: self._due_at(each, urgent) for each in clocks - {self._own}}
        due = [each for each, at in due_at.items() if at <= now]
        due.sort(key=lambda each: (each not in urgent, due_at[each], each))
        for each in due[:AT_ONCE]:
            self._asked.setdefault(each, _Asked(now)).at = now
        return tuple(due[:AT_ONCE])

    def record(self, clock: ClockName, *, answered: bool) -> None:
        """Note whether *clock* answered when it was asked last."""
        asked = self._asked.get(clock)
        if asked is not None:
            asked.failures = 0 if answered else asked.failures + 1

    def _due_at(self, clock: ClockName, urgent: frozenset[ClockName]) -> Instant:
        asked = self._asked.get(clock)
        return Instant(0.0) if asked is None else asked.due_at(urgent=clock in urgent)


def attribute_offsets(
    own: NodeId, measured: Mapping[NodeId, MeasuredClock]
) -> Mapping[NodeId, MeasuredClock]:
    """Say whose clocks are off, if the gateway on *own* has *measured* these.

    Where all clocks but our own node's are off in one direction, and several are, it is ours.
    """
    clocks = [each for node, each in measured.items() if node != own or each.is_off]
    if len(clocks) < SEVERAL or not all(each.is_off for each in clocks):
        return measured
    if len({each.ahead_ms > 0 for each in clocks}) > 1:
        return measured
    least = min(clocks, key=lambda each: abs(each.ahead_ms))
    ours = MeasuredClock(
        service="gateway",
        ahead_ms=-least.ahead_ms,
        error_ms=least.error_ms,
        measured_seconds_ago=least.measured_seconds_ago,
        is_alone=own in measured and measured[own].is_off,
    )
    return {own: ours}


class ClockNews:
    """The nodes whose clock was reported as off."""

    def __init__(self) -> None:
        self._off: set[NodeId] = set()

    def update(
        self, measured: Mapping[NodeId, MeasuredClock], *, is_primary: bool
    ) -> Iterable[ClockChanged]:
        """Take the clocks that were *measured*; yield the events to emit, on the primary alone."""
        for node, clock in measured.items():
            is_off = clock.is_off or (node in self._off and abs(clock.ahead_ms) >= RIGHT_MS)
            if is_off is (node in self._off):
                continue
            (self._off.add if is_off else self._off.discard)(node)
            if is_primary:
                yield ClockChanged(
                    node=node, service=clock.service, ahead_ms=clock.ahead_ms, is_off=is_off
                )
