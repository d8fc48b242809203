"""Decides how a node fares by the time since its last heartbeat."""

from enum import StrEnum


class Liveness(StrEnum):
    """A node as its heartbeats show it."""

    ALIVE = "alive"
    SUSPECT = "suspect"
    DEAD = "dead"


def liveness_after(
    silent_seconds: float, *, suspect_after_seconds: float, dead_after_seconds: float
) -> Liveness:
    """Judge a node whose last heartbeat came *silent_seconds* ago, by the site's two limits."""
    if silent_seconds >= dead_after_seconds:
        return Liveness.DEAD
    return Liveness.SUSPECT if silent_seconds >= suspect_after_seconds else Liveness.ALIVE
