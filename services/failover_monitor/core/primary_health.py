"""Decides when to report that the primary is sick, or well again; each once, and no flicker.

A fault is reported as soon as it bars the holder from its role: `fitness` has waited already. That
all is well again is reported when it has been so for a while.
"""

from typing import Final

from shared.domain.ids import Instant

WELL_SECONDS: Final = 5.0
"""How long a primary must be without a fault before it is reported to be well again.

This doubles with each fault that follows within `RELAPSE_SECONDS`, up to `LONGEST_WELL_SECONDS`.
"""

LONGEST_WELL_SECONDS: Final = 60.0
RELAPSE_SECONDS: Final = 600.0


class PrimaryHealth:
    """What was last reported of this primary, and since when it has been well."""

    def __init__(self) -> None:
        self._reported: tuple[str, ...] = ()
        self._well_since: Instant | None = None
        self._well_seconds = WELL_SECONDS
        self._sick_at: Instant | None = None

    def find_change(
        self, reasons: tuple[str, ...], now: Instant, *, is_primary: bool
    ) -> tuple[str, ...] | None:
        """Return what to report of a primary that is sick for *reasons*; None for nothing new.

        Empty reasons report that it is well again. Whoever has no role has nothing to report.
        """
        if not is_primary:
            self._reported, self._well_since = (), None
            return None
        if reasons:
            self._well_since = None
            if self._reported:
                return None
            self._set_patience(now)
            return self._report(reasons)
        if not self._reported:
            return None
        self._well_since = now if self._well_since is None else self._well_since
        return self._report(()) if now - self._well_since >= self._well_seconds else None

    def _set_patience(self, now: Instant) -> None:
        is_relapse = self._sick_at is not None and now - self._sick_at < RELAPSE_SECONDS
        longer = min(2 * self._well_seconds, LONGEST_WELL_SECONDS)
        self._well_seconds = longer if is_relapse else WELL_SECONDS
        self._sick_at = now

    def _report(self, reasons: tuple[str, ...]) -> tuple[str, ...]:
        self._reported, self._well_since = reasons, None
        return reasons
