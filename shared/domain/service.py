"""The count of a service's unclean ends."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class ServiceRestarts:
    """Counts how often *service* ended uncleanly since its last clean end.

    *crash_loop*: three times in runs that began within a minute. *is_away*: it has not come back.
    """

    service: str
    restarts: int = 0
    crash_loop: bool = False
    is_away: bool = False
