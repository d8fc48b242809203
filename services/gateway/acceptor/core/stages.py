"""Decides how long a connection may stay in each stage of its life.

```
GREETING ──▶ HANDSHAKE ──▶ SERVING ──▶ CLOSING
                              └──▶ UPGRADED ──▶ CLOSING
```

In *greeting* the first byte is waited for and, from a load balancer, the PROXY header. *Serving*
has the deadlines of its requests; an *upgraded* connection carries a WebSocket, which has pings of
its own. *Closing* waits until what was sent last has arrived.
"""

from enum import StrEnum

from services.gateway.acceptor.core.limits import ConnectionLimits, Refusal
from shared.domain.ids import Instant


class Stage(StrEnum):
    """A stage in the life of a connection."""

    GREETING = "greeting"
    HANDSHAKE = "handshake"
    SERVING = "serving"
    UPGRADED = "upgraded"
    CLOSING = "closing"


NEXT: dict[Stage, frozenset[Stage]] = {
    Stage.GREETING: frozenset({Stage.HANDSHAKE, Stage.CLOSING}),
    Stage.HANDSHAKE: frozenset({Stage.SERVING, Stage.CLOSING}),
    Stage.SERVING: frozenset({Stage.UPGRADED, Stage.CLOSING}),
    Stage.UPGRADED: frozenset({Stage.CLOSING}),
    Stage.CLOSING: frozenset({Stage.CLOSING}),
}

TIMEOUTS: dict[Stage, Refusal] = {
    Stage.GREETING: Refusal.GREETING_TIMEOUT,
    Stage.HANDSHAKE: Refusal.HANDSHAKE_TIMEOUT,
}
"""The reason for refusing a connection that stays too long in a stage; a good-bye needs none."""


class ConnectionStages:
    """The stage of one connection."""

    __slots__ = ("_limits", "_since", "stage")

    def __init__(self, limits: ConnectionLimits, now: Instant) -> None:
        self.stage = Stage.GREETING
        self._limits = limits
        self._since = now

    def enter(self, stage: Stage, now: Instant) -> None:
        """Go on to *stage*; closing a second time prolongs nothing."""
        assert stage in NEXT[self.stage], f"{stage} after {self.stage}"
        if stage is not self.stage:
            self.stage = stage
            self._since = now

    def deadline(self) -> Instant | None:
        """Return when this stage has taken too long; None where it has no time of its own."""
        match self.stage:
            case Stage.GREETING:
                return Instant(self._since + self._limits.greeting_seconds)
            case Stage.HANDSHAKE:
                return Instant(self._since + self._limits.handshake_seconds)
            case Stage.CLOSING:
                return Instant(self._since + self._limits.closing_seconds)
            case Stage.SERVING | Stage.UPGRADED:
                return None
