"""Decides when a writer that failed tries again, and which of its failures are worth a line.

To have begun an epoch again proves nothing: on a full disk that succeeds, and the next change fails
like the one before. So a failure is over only once an entry was committed after it.
"""

from typing import Final

from shared.domain.backoff import Backoff
from shared.domain.errors import LogUnavailable, MeridianError, OutcomeUnknown, StoreUnavailable
from shared.domain.ids import Revision
from shared.domain.outage import Outage

STORE_RETRIES: Final = Backoff(0.05, 1.0)
LOG_RETRIES: Final = Backoff(0.05, 0.2)
"""Shorter, since a takeover waits for a log that is electing its leader."""


class FailedTurns:
    """The turns that failed since the last committed entry."""

    def __init__(self) -> None:
        self._outage = Outage()
        self.restart()

    def restart(self) -> None:
        """Forget every failure: the role has ended, and what comes is another one's."""
        self._failures, self._failed_at = 0, Revision(0)
        self.is_of_log = False
        """Whether the last failure was the log's, which all masters share."""

        self._outage.end()

    @property
    def are_over(self) -> bool:
        """Say whether the last entry was committed after the last failure."""
        return not self._failures

    def record_failure(self, error: MeridianError, at: Revision) -> bool:
        """Note that a turn failed by *error* at revision *at*; say whether it is worth a line."""
        self._failures, self._failed_at = self._failures + 1, at
        self.is_of_log = isinstance(error, LogUnavailable | OutcomeUnknown)
        return self._outage.is_worth_a_line(error.message)

    def record_success(self, at: Revision) -> bool:
        """Note that a turn left the copy at revision *at*; say whether that ends the failures."""
        if self.are_over or at <= self._failed_at:
            return False
        self.restart()
        return True

    def pause_seconds(self, error: MeridianError) -> float:
        """Return how long to wait before the turn that failed by *error* is tried again."""
        retries = STORE_RETRIES if isinstance(error, StoreUnavailable) else LOG_RETRIES
        return retries.pause_seconds(self._failures)
