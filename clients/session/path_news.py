"""Narrates what happens to a session's paths: each thing once, and no flood of them.

A path that fails is named by its address with the reason, once in each outage, however often it is
dialled and offered. What a session without a steady path would narrate without end is bounded by an
event budget; the first events, and those of a normal failover, are all narrated.
"""

from collections.abc import Callable, Iterable
from typing import Final

from clients.clock import now
from clients.session.narration import Narrator
from clients.session.outage_watch import address_of
from clients.tunnel.effects import PathLost, PathUp
from shared.domain.event_budget import EventBudget
from shared.domain.ids import PathGeneration
from shared.domain.path import Path

EVENTS_AT_ONCE: Final = 20
SECONDS_EACH: Final = 10.0


class PathNews:
    """One session's news of its paths; *node_of* names the node of a path generation."""

    def __init__(self, narrate: Narrator, node_of: Callable[[PathGeneration], str]) -> None:
        self._narrate = narrate
        self._node_of = node_of
        self._budget = EventBudget(EVENTS_AT_ONCE, SECONDS_EACH)
        self._failures: set[tuple[str, str]] = set()
        self._nodes: list[str] = []
        self._is_secret_unknown = False
        self.was_up = False

    def on_paths(self, paths: Iterable[Path]) -> None:
        """Narrate which nodes the session may use, unless they are the same as before."""
        nodes = list(dict.fromkeys(path.node or path.host for path in paths))
        if set(nodes) != set(self._nodes):
            self._nodes = nodes
            self._say("paths", nodes=nodes)

    def on_failed(self, path: Path, reason: str) -> None:
        address = address_of(path)
        if (address, reason) in self._failures:
            return
        self._failures.add((address, reason))
        node = self._node_of(path.generation)
        self._say(
            "path_failed", node=node, address=address, generation=path.generation, reason=reason
        )

    def on_up(self, up: PathUp) -> None:
        event = "resumed" if self.was_up else "connected"
        self.was_up = True
        self._is_secret_unknown = False
        self._failures.clear()
        node = self._node_of(up.generation)
        self._say(event, node=node, generation=up.generation, seconds=round(up.seconds, 3))

    def on_lost(self, lost: PathLost) -> None:
        self._say("path_lost", node=self._node_of(lost.generation), generation=lost.generation)

    def on_secret_unknown(self) -> None:
        """Narrate that the other side started anew, once until the tunnel has a path again."""
        if not self._is_secret_unknown:
            self._is_secret_unknown = True
            self._narrate("secret_unknown")

    def _say(self, event: str, **fields: object) -> None:
        left_out = self._budget.take(now())
        if left_out is None:
            return
        if left_out:
            self._narrate("path_events_left_out", count=left_out)
        self._narrate(event, **fields)
