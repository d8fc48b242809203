"""Decides which changes of the nodes' liveness, readiness and clocks to report to tools outside.

Only what lasted is reported (`steady`); the live status shows the truth of the moment. Only the
primary emits such news. A backup remembers for a while what it saw change, because the
primary that saw it too may have died before it emitted it; its successor emits it then.
"""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Final

from services.gateway.cluster.core.steady import SteadyState
from shared.domain.ids import Instant, NodeId
from shared.domain.liveness import Liveness
from shared.events.message import Event
from shared.events.node import NodeStateChanged, ReadinessChanged

NUMBER: Final = re.compile(r"\d+(\.\d+)?")

REMEMBERED_SECONDS: Final = 15.0
"""Longer than a failover takes; an older change was emitted by the primary of that time."""

SUSPECT_INTERVALS: Final = 2
UNABLE_INTERVALS: Final = 2
"""Heartbeat intervals for which a node is suspect, or a master unable, before that is reported.

A dead node is reported at once: its silence has lasted for the site's own limit already.
"""

SEVERITY: Final = {Liveness.ALIVE: 0, Liveness.SUSPECT: 1, Liveness.DEAD: 2}

CAUSES: Final = {
    Liveness.ALIVE: "its heartbeats come",
    Liveness.SUSPECT: "no heartbeat came lately",
    Liveness.DEAD: "no heartbeat came for too long",
}


@dataclass(frozen=True, slots=True)
class StatusChange:
    """The change of a node's state at *at*, as this gateway saw it."""

    node: NodeId
    state: Liveness
    previous: Liveness | None
    at: Instant


class NodeNews:
    """The nodes' states as this gateway reported them last, and the changes not emitted yet."""

    def __init__(self) -> None:
        self._states: dict[NodeId, SteadyState[Liveness]] = {}
        self._pending: list[StatusChange] = []

    def update(
        self,
        states: Mapping[NodeId, Liveness | None],
        clocks: Mapping[NodeId, str],
        heartbeat_seconds: float,
        now: Instant,
        *,
        is_primary: bool,
    ) -> tuple[NodeStateChanged, ...]:
        """Take the *states* at *now* (None: never heard); return the events to emit.

        *clocks* says of the nodes whose clock is off how far it is.
        """
        changes = self._changes(states, heartbeat_seconds, now)
        self._pending = [*self._recent(now), *changes]
        if not is_primary:
            return ()
        news, self._pending = self._pending, []
        return tuple(
            NodeStateChanged(
                node=change.node,
                state=change.state,
                previous=change.previous,
                cause=_cause(change.state, clocks.get(change.node)),
            )
            for change in news
        )

    def _recent(self, now: Instant) -> Iterable[StatusChange]:
        return (change for change in self._pending if now - change.at < REMEMBERED_SECONDS)

    def _changes(
        self, states: Mapping[NodeId, Liveness | None], heartbeat_seconds: float, now: Instant
    ) -> Iterable[StatusChange]:
        for node in self._states.keys() - states.keys():
            del self._states[node]
        for node, state in states.items():
            if state is None:
                continue
            steady = self._states.setdefault(node, SteadyState())
            previous = steady.reported
            lasting = SUSPECT_INTERVALS * heartbeat_seconds if state is Liveness.SUSPECT else 0.0
            if steady.update(state, SEVERITY[state], lasting, now):
                yield StatusChange(node, state, previous, now)


def _cause(state: Liveness, clock: str | None) -> str:
    """Say why a node is in *state*; its *clock*, where that is off, makes its silence."""
    return CAUSES[state] if clock is None else f"{CAUSES[state]}; {clock}"


@dataclass(frozen=True, slots=True)
class MasterReadiness:
    """The readiness that a master which is not primary reports."""

    could_take_over: bool
    reasons: tuple[str, ...] = ()

    @property
    def without_numbers(self) -> tuple[bool, frozenset[str]]:
        """Return the readiness without the numbers in its reasons: a changed lag is no news."""
        return self.could_take_over, frozenset(NUMBER.sub("", each) for each in self.reasons)


class ReadinessNews:
    """The masters that could take the role over, as this gateway reported it last."""

    def __init__(self) -> None:
        self._states: dict[NodeId, SteadyState[tuple[bool, frozenset[str]]]] = {}

    def update(
        self,
        backups: Mapping[NodeId, MasterReadiness],
        heartbeat_seconds: float,
        now: Instant,
        *,
        is_primary: bool,
    ) -> Iterable[Event]:
        """Take what *backups* say of themselves; yield the events to emit, on the primary alone."""
        for node in self._states.keys() - backups.keys():
            self._states[node].interrupt()
        for node, readiness in backups.items():
            steady = self._states.setdefault(node, SteadyState())
            lasting, severity = UNABLE_INTERVALS * heartbeat_seconds, 1 - readiness.could_take_over
            changed = steady.update(readiness.without_numbers, severity, lasting, now)
            if changed and is_primary:
                yield ReadinessChanged(
                    node=node,
                    could_take_over=readiness.could_take_over,
                    reasons=readiness.reasons,
                )
