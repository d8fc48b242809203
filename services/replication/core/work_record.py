"""Decides what the follower's own database shows: whether this master could go on as the primary.

Each transaction and each read of the database is a sign of life. A read says less than an apply:
a full disk still reads. So only an apply that is committed takes back what the database refused.
"""

from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import dataclass

from shared.domain.errors import StoreUnavailable
from shared.domain.ids import Instant
from shared.domain.refusal import StoreRefused


@dataclass
class WorkRecord:
    """When the database last worked, and how often it has refused an apply in a row."""

    worked_at: Instant = Instant(0.0)
    refusals: int = 0
    cause: str = ""

    def record_read(self, now: Instant) -> None:
        """Note that the database answered."""
        self.worked_at = max(self.worked_at, now)
        if not self.refusals:
            self.cause = ""

    def record_apply(self, now: Instant) -> None:
        """Note that the database committed what was applied."""
        self.refusals = 0
        self.record_read(now)

    @contextmanager
    def failures(self) -> Generator[None]:
        """Record the failures of the block, which go on to its caller."""
        try:
            yield
        except StoreUnavailable as error:
            self.record_failure(error)
            raise

    def record_failure(self, error: StoreUnavailable) -> None:
        """Note that the database refused, or was silent."""
        if isinstance(error, StoreRefused):
            self.refusals += 1
        elif self.refusals:
            return  # what was refused says more
        self.cause = error.message
