"""What is news for tools outside: how two states of a session differ, and how nodes fare.

A node's state is news of the primary alone. A backup remembers for a while what it saw change:
the primary that saw it too may have died before it could say so, and then its successor does.
"""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Final

from shared.domain.ids import Instant, NodeId
from shared.domain.liveness import Liveness
from shared.domain.node import Side
from shared.domain.session import SessionPhase
from shared.events.message import Event
from shared.events.node import NodeStateChanged, ReadinessChanged
from shared.events.session import SessionChanged, SessionState

NUMBER: Final = re.compile(r"\d+(\.\d+)?")

REMEMBERED_SECONDS: Final = 15.0
"""Longer than a failover takes; what is older the primary of that time has told."""

CAUSES: Final = {
    Liveness.ALIVE: "its heartbeats come",
    Liveness.SUSPECT: "no heartbeat came lately",
    Liveness.DEAD: "no heartbeat came for too long",
}


def session_news(before: SessionState | None, after: SessionState) -> SessionChanged | None:
    """What became of a session by one write; None when it was none."""
    if before == after:
        return None
    known = () if before is None else before.paths
    return SessionChanged(
        session=after.session,
        phase=after.phase,
        previous=None if before is None else before.phase,
        cause=_cause(before, after),
        representative=after.representative,
        nodes=tuple(path.node for path in after.paths),
        added=tuple(path.node for path in after.paths[len(known) :]),
    )


def _cause(before: SessionState | None, after: SessionState) -> str:
    if before is None and after.queued is not None:
        return f"a customer came to {after.queued.public_site} for the team {after.queued.team}"
    if before is None:
        return f"opened by {after.representative}"
    if after.phase is SessionPhase.CLOSED:
        return after.close_message or "closed"
    if before.representative != after.representative:
        return f"taken by {after.representative}"
    if before.ends.get(Side.CUSTOMER) != after.ends.get(Side.CUSTOMER):
        is_back = Side.CUSTOMER in before.ends
        return "the customer came again" if is_back else "the customer came"
    return "an end lost every path" if before.paths else "the ends got their paths"


@dataclass(frozen=True, slots=True)
class Change:
    """A node's state changed at *at*, as this gateway saw it."""

    node: NodeId
    state: Liveness
    previous: Liveness | None
    at: Instant


class NodeNews:
    """The nodes' states as this gateway last saw them, and the changes not told yet."""

    def __init__(self) -> None:
        self._states: dict[NodeId, Liveness] = {}
        self._untold: list[Change] = []

    def look(
        self, states: Mapping[NodeId, Liveness | None], now: Instant, *, is_primary: bool
    ) -> tuple[NodeStateChanged, ...]:
        """What is to be told at *now*; None for a node that was never heard."""
        self._untold = [*self._recent(now), *self._changes(states, now)]
        if not is_primary:
            return ()
        told, self._untold = self._untold, []
        return tuple(
            NodeStateChanged(
                node=change.node,
                state=change.state,
                previous=change.previous,
                cause=CAUSES[change.state],
            )
            for change in told
        )

    def _recent(self, now: Instant) -> Iterable[Change]:
        return (change for change in self._untold if now - change.at < REMEMBERED_SECONDS)

    def _changes(self, states: Mapping[NodeId, Liveness | None], now: Instant) -> Iterable[Change]:
        for node in self._states.keys() - states.keys():
            del self._states[node]
        for node, state in states.items():
            previous = self._states.get(node)
            if state is not None and state is not previous:
                self._states[node] = state
                yield Change(node, state, previous, now)


@dataclass(frozen=True, slots=True)
class Readiness:
    """What a master that is not primary says of itself."""

    could_take_over: bool
    reasons: tuple[str, ...] = ()

    @property
    def gist(self) -> tuple[bool, frozenset[str]]:
        """It without the numbers in its reasons: how far a copy lags is no news each time."""
        return self.could_take_over, frozenset(NUMBER.sub("", each) for each in self.reasons)


class ReadinessNews:
    """Which masters could take the role over, as this gateway last told it."""

    def __init__(self) -> None:
        self._last: dict[NodeId, Readiness] = {}

    def look(self, said: Mapping[NodeId, Readiness], *, is_primary: bool) -> Iterable[Event]:
        """What is to be told of what the masters say; a backup only remembers it."""
        for node, readiness in said.items():
            last, self._last[node] = self._last.get(node), readiness
            if is_primary and (last is None or last.gist != readiness.gist):
                yield ReadinessChanged(
                    node=node,
                    could_take_over=readiness.could_take_over,
                    reasons=readiness.reasons,
                )
