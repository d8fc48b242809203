"""Decides which changes of the nodes' liveness and readiness to report to tools outside.

Only the primary emits such news. A backup remembers for a while what it saw change, because the
primary that saw it too may have died before it emitted it; its successor emits it then.
"""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Final

from shared.domain.ids import Instant, NodeId
from shared.domain.liveness import Liveness
from shared.events.message import Event
from shared.events.node import NodeStateChanged, ReadinessChanged

NUMBER: Final = re.compile(r"\d+(\.\d+)?")

REMEMBERED_SECONDS: Final = 15.0
"""Longer than a failover takes; an older change was emitted by the primary of that time."""

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
    """The nodes' states as this gateway last saw them, and the changes not emitted yet."""

    def __init__(self) -> None:
        self._states: dict[NodeId, Liveness] = {}
        self._pending: list[StatusChange] = []

    def update(
        self, states: Mapping[NodeId, Liveness | None], now: Instant, *, is_primary: bool
    ) -> tuple[NodeStateChanged, ...]:
        """Take the *states* at *now* (None: never heard); return the events to emit."""
        self._pending = [*self._recent(now), *self._changes(states, now)]
        if not is_primary:
            return ()
        changes, self._pending = self._pending, []
        return tuple(
            NodeStateChanged(
                node=change.node,
                state=change.state,
                previous=change.previous,
                cause=CAUSES[change.state],
            )
            for change in changes
        )

    def _recent(self, now: Instant) -> Iterable[StatusChange]:
        return (change for change in self._pending if now - change.at < REMEMBERED_SECONDS)

    def _changes(
        self, states: Mapping[NodeId, Liveness | None], now: Instant
    ) -> Iterable[StatusChange]:
        for node in self._states.keys() - states.keys():
            del self._states[node]
        for node, state in states.items():
            previous = self._states.get(node)
            if state is not None and state is not previous:
                self._states[node] = state
                yield StatusChange(node, state, previous, now)


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
    """The masters that could take the role over, as this gateway last saw it."""

    def __init__(self) -> None:
        self._last: dict[NodeId, MasterReadiness] = {}

    def update(
        self, backups: Mapping[NodeId, MasterReadiness], *, is_primary: bool
    ) -> Iterable[Event]:
        """Take what *backups* say of themselves; yield the events to emit, on the primary alone."""
        for node, readiness in backups.items():
            last, self._last[node] = self._last.get(node), readiness
            if is_primary and (last is None or last.without_numbers != readiness.without_numbers):
                yield ReadinessChanged(
                    node=node,
                    could_take_over=readiness.could_take_over,
                    reasons=readiness.reasons,
                )
