"""Computes how long to pause before something that failed is tried again.

The pause doubles with each failure in a row, up to a longest one. Many that failed at the same
moment should not all try again at the same moment: *jitter* is the share of a pause that chance may
take away, and the caller draws the chance, so that this module stays pure.
"""

from dataclasses import dataclass
from typing import Final

DOUBLINGS: Final = 64
"""More of them would only overflow: every longest pause is reached much earlier."""


@dataclass(frozen=True, slots=True)
class Backoff:
    """Pauses from *first_seconds* to *longest_seconds*; *jitter* is from 0 (none) to 1."""

    first_seconds: float
    longest_seconds: float
    jitter: float = 0.0

    def __post_init__(self) -> None:
        assert 0 < self.first_seconds <= self.longest_seconds, "the pause grows from above zero"
        assert 0 <= self.jitter <= 1, "chance shortens a pause by no more than all of it"

    @classmethod
    def constant(cls, seconds: float) -> "Backoff":
        """The same pause after each failure."""
        return cls(seconds, seconds)

    def pause_seconds(self, failures: int, chance: float = 0.0) -> float:
        """The pause after *failures* in a row, counted from 1; *chance* is from 0 up to 1."""
        doublings = min(max(failures, 1) - 1, DOUBLINGS)
        pause = min(self.first_seconds * 2.0**doublings, self.longest_seconds)
        return pause * (1.0 - self.jitter * chance)
