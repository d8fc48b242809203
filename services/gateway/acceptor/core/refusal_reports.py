"""Decides when refusals are reported: the first at once, then at most once a minute.

A flood must not fill the log: the warning says how many of its kind there were since the last one.
"""

from collections import Counter
from dataclasses import dataclass
from typing import Final

from services.gateway.acceptor.core.limits import Refusal
from shared.domain.ids import Instant

MINUTE_SECONDS: Final = 60.0


@dataclass(frozen=True, slots=True)
class RefusalReport:
    """A warning that is due: *count* connections were ended for *reason*, the last of *source*."""

    reason: Refusal
    count: int
    source: str


class RefusalReports:
    """Counts refusals between reports."""

    def __init__(self) -> None:
        self._reported: dict[Refusal, Instant] = {}
        self._counts: Counter[Refusal] = Counter()

    def record(self, reason: Refusal, source: str, now: Instant) -> RefusalReport | None:
        """Count one refusal of *source*; return the report when one is due."""
        self._counts[reason] += 1
        last = self._reported.get(reason)
        if last is not None and now < last + MINUTE_SECONDS:
            return None
        self._reported[reason] = now
        return RefusalReport(reason, self._counts.pop(reason), source)
