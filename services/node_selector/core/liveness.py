"""Decides how a node fares by its relay's silence, and which master seems to be the primary.

A node is alive for selection while its relay speaks: then suspect, then dead, by the site's timing.
What masters say of their role is a hint for the fallback only; it never decides who is primary.
"""

from dataclasses import dataclass

from shared.documents.site import Timing
from shared.domain.ids import Epoch, Instant, NodeId
from shared.domain.node import Liveness


@dataclass(frozen=True, slots=True)
class Load:
    """What a relay last said of itself."""

    sessions: int
    draining: bool
    version: str


@dataclass(frozen=True, slots=True)
class Seen:
    """A node's relay as this replica sees it now."""

    liveness: Liveness
    silent_seconds: float
    load: Load


class LiveState:
    """The last word of every relay, and of every master that called itself primary."""

    def __init__(self) -> None:
        self._relays: dict[NodeId, tuple[Load, Instant]] = {}
        self._primary: tuple[Epoch, NodeId] | None = None

    @property
    def is_empty(self) -> bool:
        """Whether no relay was heard since the start: then nothing can be said of any node."""
        return not self._relays

    @property
    def primary(self) -> NodeId | None:
        """The master that last called itself primary, in the largest epoch."""
        return self._primary[1] if self._primary is not None else None

    def relay_spoke(self, node: NodeId, load: Load, now: Instant) -> None:
        self._relays[node] = (load, now)

    def master_spoke(self, node: NodeId, epoch: Epoch, *, is_primary: bool) -> None:
        if is_primary and (self._primary is None or epoch >= self._primary[0]):
            self._primary = (epoch, node)

    def seen(self, node: NodeId, timing: Timing, now: Instant) -> Seen | None:
        """How *node*'s relay fares; None when it was never heard."""
        heard = self._relays.get(node)
        if heard is None:
            return None
        load, at = heard
        return Seen(_liveness(now - at, timing), now - at, load)


def _liveness(silent_seconds: float, timing: Timing) -> Liveness:
    if silent_seconds >= timing.dead_after_seconds:
        return Liveness.DEAD
    return Liveness.SUSPECT if silent_seconds >= timing.suspect_after_seconds else Liveness.ALIVE
